"""Whatever range of pixels a network sees, it is attacked in the same ball."""

import dataclasses
import pathlib
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import attack
from ebm_tf.config.attacks import AutoAttack, Ball, CarliniWagner, Pgd
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.networks import Standardised
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.models import pretrained
from ebm_tf.models.catalogue import build
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.weight_files import save_weights
from tests.slow import first_fast, slow

NUM_IMAGES, SIZE, CLASSES = 12, 8, 4
RADII = {"linf": 8.0, "l2": 64.0}
# By what they see of the pixels of an image.
NETWORKS = {
    "-1..1": ClassifierNetwork(
        architecture="sngan", norm="none", width=4, num_classes=CLASSES
    ),
    "0..1": ClassifierNetwork(architecture="small_cnn", num_classes=CLASSES),
    "mean and stddev": ClassifierNetwork(
        architecture="dm_wrn",
        depth=10,
        width=1,
        num_classes=CLASSES,
        activation="silu",
        pixel_range=Standardised(mean=0.4, stddev=(0.2, 0.3, 0.2)),
    ),
    "-1..1, of JEM": ClassifierNetwork(
        architecture="wide_resnet",
        depth=10,
        width=1,
        num_classes=CLASSES,
        norm="none",
        activation="leaky_relu",
        energy_head=True,
    ),
    "0..255": PretrainedClassifier(
        name="ConvNeXtTiny", image_size=SIZE, num_classes=CLASSES
    ),
    "BGR, centred": PretrainedClassifier(
        name="VGG16", image_size=SIZE, num_classes=CLASSES
    ),
}
QUICK = "BGR, centred"
BYTES = np.random.default_rng(2).integers(0, 256, [NUM_IMAGES, SIZE, SIZE, 3], np.uint8)


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """A small network of bytes in place of a large one of Keras."""

    def network(settings: PretrainedClassifier) -> keras.Model:
        keras.utils.set_random_seed(4)
        pixels: Any = keras.Input((settings.image_size, settings.image_size, 3))
        x = keras.layers.Conv2D(8, 3, strides=2, activation="gelu")(pixels / 64.0)
        x = keras.layers.Flatten()(x)
        return keras.Model(pixels, keras.layers.Dense(settings.num_classes)(x))

    monkeypatch.setattr(pretrained, "_network", network)


def measured(network: Any, folder: pathlib.Path, **attacks: Any):
    """The results and the record of attacks on images that a network gets right."""
    keras.utils.set_random_seed(3)
    model = build(network, SIZE, 3, "float32")
    if isinstance(network, ClassifierNetwork):
        path = str(folder / "it.weights.h5")
        save_weights(model, path)
        network = dataclasses.replace(network, weights=path)
    logits = model(tf.cast(BYTES, tf.float32) / 127.5 - 1, training=False)
    labels = np.argmax(logits, 1)
    labels[0] = (labels[0] + 1) % CLASSES  # so that there are two classes at least
    np.savez(folder / "images.npz", images=BYTES, labels=labels)
    config = RobustnessMeasurement(
        name="attacked",
        data=Data(
            name="arrays",
            path=str(folder / "images.npz"),
            image_size=SIZE,
            split="train",
        ),
        classifier=network,
        batch=NUM_IMAGES,
        device="cpu",
        **attacks,
    )
    run = run_folders.create(str(folder), config, 1_700_000_000)
    results = attack.run(config, run)
    with np.load(pathlib.Path(run.folder) / "record.npz") as stored:
        return results, dict(stored)


def lengths(record: dict[str, np.ndarray], norm: str) -> np.ndarray:
    """How far images were moved, in bytes."""
    natural, attacked = (
        (record[name].astype(float) + 1) * 127.5 for name in ("natural", "adversarial")
    )
    np.testing.assert_allclose(natural, np.rint(natural), atol=1e-4)
    moved = attacked - natural
    assert np.abs(record["adversarial"]).max() <= 1
    if norm == "linf":
        return np.abs(moved).max((1, 2, 3))
    return np.sqrt((moved**2).sum((1, 2, 3)))


@pytest.mark.parametrize(
    "network", [name if name == QUICK else slow(name) for name in NETWORKS]
)
@pytest.mark.parametrize("norm", first_fast("linf", "l2"))
def test_no_image_moves_farther_than_the_radius(network, norm, tmp_path):
    radius = RADII[norm]
    results, record = measured(
        NETWORKS[network],
        tmp_path,
        ball=Ball(norm=norm, epsilon=radius),  # pyright: ignore[reportArgumentType]
        pgd=Pgd(num_steps=8, step_size=radius / 3),
        auto_attack=None,
    )
    assert results["natural_accuracy"] == 1 - 1 / NUM_IMAGES
    found = lengths(record, norm)
    assert 0.999 * radius < found.max() <= radius * 1.0001


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_every_measurement_stays_in_the_ball(network, tmp_path):
    """Restarts, curve and median by PGD, all of AutoAttack, Carlini and Wagner."""
    results, record = measured(
        NETWORKS[network],
        tmp_path,
        ball=Ball(epsilon=8.0),
        pgd=Pgd(num_steps=3, step_size=4.0, num_restarts=2),
        auto_attack=AutoAttack(num_steps=5, num_targets=2, num_queries=20),
        carlini_wagner=CarliniWagner(num_steps=5, num_constants=2, num_targets=2),
        curve=(2.0, 8.0),
        median=True,
        num_bisections=2,
    )
    assert lengths(record, "linf").max() <= 8.0 * 1.0001
    assert results["robust_accuracy"] <= results["pgd_accuracy"]
    assert len(results["by_attack"]) >= 6 and len(results["curve"]) >= 2


def test_weights_of_a_run_are_not_for_a_network_of_keras():
    with pytest.raises(ConfigError, match="no weights='RUN' for a classifier of Keras"):
        RobustnessMeasurement(
            name="attacked",
            data=Data(name="arrays", path="a.npz", image_size=8),
            classifier=NETWORKS["0..255"],
            weights="RUN",
        )
