"""What tools/convert_weights.py wrote, in a script."""

import json
import pathlib

import keras
import numpy as np
import pytest

import ebm_tf
from ebm_tf.errors import ConfigError, RunError, WeightsError
from ebm_tf.store.conversion.converting import convert, target

IMAGES = np.random.default_rng(0).uniform(0, 1, [5, 8, 8, 1]).astype(np.float32)
STEP = ebm_tf.Langevin(noise=0.01)


def converted(
    role: str, folder: pathlib.Path, size: int, *settings: str
) -> keras.Model:
    """Converts random weights into a folder; the network that has them."""
    keras.utils.set_random_seed(1)
    wanted = target(f"own_{role}", size, 1, list(settings))
    model = wanted.build()
    source = folder / f"{role}.npz"
    arrays = {variable.path: variable.numpy() for variable in model.variables}
    np.savez(source, **arrays)  # pyright: ignore[reportArgumentType]
    convert(wanted, str(source), str(folder / "out"))
    return model


def test_an_energy_is_that_of_its_network(tmp_path):
    network = converted("energy", tmp_path, 8, "width=4", "activation=swish")
    model = ebm_tf.load(str(tmp_path / "out"), pixel_range="0..1")
    assert model.image_shape == (8, 8, 1)
    expected = network(IMAGES * 2 - 1).numpy()[:, 0]
    np.testing.assert_allclose(model.energy(IMAGES), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="has no classifier"):
        model.classify(IMAGES)
    with pytest.raises(ConfigError, match="learned without chains: ebm_tf.sample dra"):
        model.generate(2)


@pytest.mark.slow
def test_an_energy_purifies_and_is_sampled(tmp_path):
    network = converted("energy", tmp_path, 8, "width=4", "activation=swish")
    model = ebm_tf.load(str(tmp_path / "out"), pixel_range="0..1")
    how = {"langevin": STEP, "num_steps": 3, "seed": 2, "temperature": 0.5}
    moved = model.purify(IMAGES, **how)
    assert not np.array_equal(moved, IMAGES)
    theirs = ebm_tf.purified(network, IMAGES * 2 - 1, **how)
    np.testing.assert_allclose(moved, theirs / 2 + 0.5, atol=1e-5)
    ours = ebm_tf.purified(model, IMAGES, pixel_range="0..1", **how)
    np.testing.assert_allclose(ours, moved, atol=1e-6)
    assert ebm_tf.sample(model, 3, (8, 8, 1), langevin=STEP, num_steps=1).ndim == 4


def test_a_classifier_keeps_its_pixels(tmp_path):
    settings = ("architecture=small_cnn", "width=4", "num_classes=3")
    network = converted("classifier", tmp_path, 8, *settings)
    for place in ("out", "out/weights/classifier.weights.h5"):
        model = ebm_tf.load(str(tmp_path / place), pixel_range="0..1")
        expected = network(IMAGES * 2 - 1, training=False)
        np.testing.assert_allclose(model.logits(IMAGES), expected, atol=1e-5)
        assert model.num_classes == 3 and model.energy(IMAGES).shape == (5,)


def test_a_generator_generates(tmp_path):
    converted("generator", tmp_path, 8, "width=4", "latent_size=6")
    model = ebm_tf.load(str(tmp_path / "out"))
    images = model.generate(3, seed=1)
    assert images.shape == (3, 8, 8, 1) and np.ptp(images) > 0
    assert np.array_equal(model.generate(3, seed=1), images)
    with pytest.raises(ConfigError, match="has no energy"):
        model.energy(IMAGES)


def test_what_it_cannot_open_is_told(tmp_path):
    converted("energy", tmp_path, 8, "width=4")
    converted("generator", tmp_path, 8, "width=4", "latent_size=6")
    folder = tmp_path / "out"
    with pytest.raises(WeightsError, match="several networks: name .*energy.weights.h"):
        ebm_tf.load(str(folder))
    file = str(folder / "weights" / "generator.weights.h5")
    assert ebm_tf.load(file).generate(2).shape == (2, 8, 8, 1)
    for content in ("[]", '{"kind": "own_energy"}'):
        (folder / "energy_settings.json").write_text(content)
        with pytest.raises(RunError, match="energy_settings.json is damaged"):
            ebm_tf.load(str(folder / "weights" / "energy.weights.h5"))
    said = {"kind": "own", "image_size": 8, "channels": 1, "network": {"widht": 3}}
    (folder / "energy_settings.json").write_text(json.dumps(said))
    with pytest.raises(ConfigError, match="widht"):
        ebm_tf.load(str(folder / "weights" / "energy.weights.h5"))
