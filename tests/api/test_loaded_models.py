"""Released models in a script give what the executables give."""

import numpy as np
import pytest

import ebm_tf
from ebm_tf import pixels
from ebm_tf.api.models import Model
from ebm_tf.config.fid import FeatureExtractor, measurement_of
from ebm_tf.config.parts import Data, Langevin
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError, DataError, WeightsError
from ebm_tf.kernels import iterate
from ebm_tf.sampling import segments
from ebm_tf.sampling.purifying import keys_of
from tests.runs import learn_here

DIGITS = Data(name="digits", image_size=8, channels=1)
MEDCONV, CLASSIFIER = "release:digits_medconv", "release:digits_weat_adv"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Digits float32 [12, 8, 8, 1] in [-1, 1]."""
    return load_images(open_source(DIGITS), DIGITS, limit=12)[0]


@pytest.fixture(scope="module")
def medconv() -> Model:
    return ebm_tf.load(MEDCONV, batch=20)


@pytest.fixture(scope="module")
def classifier() -> Model:
    return ebm_tf.load(CLASSIFIER, batch=5, pixel_range="0..1")


def test_an_energy_is_that_of_its_network(medconv, images):
    network = medconv.networks.networks["energy"]
    expected = network(images, training=False).numpy()[:, 0]
    np.testing.assert_allclose(medconv.energy(images), expected, rtol=1e-5)
    assert medconv.image_shape == (8, 8, 1) and medconv.num_classes == 0
    with pytest.raises(ConfigError, match="digits_medconv has no classifier."):
        medconv.classify(images)


def test_a_classifier_gives_probabilities_and_its_marginal_energy(classifier, images):
    unit = images * 0.5 + 0.5
    logits = classifier.logits(unit)
    expected = classifier.networks.networks["classifier"](images, training=False)
    np.testing.assert_allclose(logits, expected.numpy(), atol=1e-4)
    assert classifier.num_classes == 10
    weights = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = weights / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(classifier.classify(unit), probabilities, atol=1e-6)
    energy = -np.log(np.exp(logits.astype(np.float64)).sum(1))
    np.testing.assert_allclose(classifier.energy(unit), energy, atol=1e-4)
    with pytest.raises(ConfigError, match="without chains: ebm_tf.sample dra"):
        classifier.generate(2)
    with pytest.raises(ConfigError, match="give langevin and temperature"):
        classifier.purify(unit, num_steps=1)


def test_chains_need_not_be_clipped(medconv, images):
    """Their energies are those where they are, not at the border of the range."""
    network, beyond = medconv.networks.networks["energy"], 1.4 * images
    expected = network(beyond, training=False).numpy()[:, 0]
    np.testing.assert_allclose(medconv.energy(beyond), expected, rtol=1e-5)
    with pytest.raises(DataError, match="got values from -1.6"):
        medconv.energy(1.6 * images)


def test_other_images_are_told(medconv, classifier):
    with pytest.raises(
        DataError, match=r"of the shape \[8, 8, 1\] for release:digits_m"
    ):
        medconv.energy(np.zeros([1, 9, 9, 1]))
    with pytest.raises(DataError, match="in pixel_range='0..1'"):
        classifier.classify(-np.ones([1, 8, 8, 1]))


def test_what_is_not_there_is_told():
    with pytest.raises(WeightsError, match="No weights at nowhere"):
        ebm_tf.load("nowhere")
    with pytest.raises(DataError, match="Expected pixel_range='0-1'"):
        ebm_tf.load(MEDCONV, pixel_range="0-1")  # pyright: ignore[reportArgumentType]


@pytest.mark.slow
def test_generated_images_are_those_of_fid_py(medconv, tmp_path):
    config = measurement_of(
        medconv.experiment,
        name="chains",
        weights=MEDCONV,
        features=FeatureExtractor(name="pixels"),
        num_samples=30,
        batch=20,
        num_steps=7,
        seed=3,
    )
    folder, results = learn_here(config, tmp_path)
    rounds = segments.load_samples(str(folder), 7)
    theirs = np.concatenate([images for images, _ in rounds])[:30]
    ours = medconv.generate(30, num_steps=7, denoising_steps=0, seed=3)
    assert np.array_equal(pixels.to_bytes(ours), theirs)
    assert np.array_equal(medconv.generate(3, num_steps=7, seed=3), ours[:3])
    # And they are measured alike.
    learned = load_images(open_source(config.data), config.data)[0]
    found = ebm_tf.evaluate(theirs, learned, features="pixels")
    for name in (
        "frechet_pixels",
        "frechet_pixels_extrapolated",
        "precision",
        "num_reference",
    ):
        assert found[name] == pytest.approx(results[name], rel=1e-9), name


@pytest.mark.slow
@pytest.mark.parametrize("source", ["release:digits_jem", "release:digits_sngan"])
def test_joint_models_and_generators_generate(source):
    model = ebm_tf.load(source, pixel_range="0..1", batch=10)
    few = model.generate(4, num_steps=2, denoising_steps=0, seed=1)
    assert few.shape == (4, 8, 8, 1) and few.dtype == np.float32
    assert np.isfinite(few).all() and 0.0 <= few.mean() <= 1.0
    other = model.generate(4, num_steps=2, denoising_steps=0, seed=2)
    assert not np.array_equal(few, other)


def test_purified_images_depend_on_their_place_alone(medconv, images):
    whole = medconv.purify(images, num_steps=3, seed=5)
    part = medconv.purify(images[4:6], num_steps=3, seed=5, first=4)
    np.testing.assert_allclose(whole[4:6], part, atol=1e-6)
    assert not np.allclose(whole, medconv.purify(images, num_steps=3, seed=6))


@pytest.mark.slow
def test_purified_images_are_those_of_the_kernel(medconv, images):
    """One step: x - drift * gradient / temperature + noise of the image's key."""
    import tensorflow as tf

    from ebm_tf import keyed_noise
    from ebm_tf.sampling.purifying import step_kernel

    moved = medconv.purify(images, num_steps=1, seed=5)
    network = medconv.networks.networks["energy"]
    learned = medconv.experiment

    def energy(x):
        return network(x, training=False)[:, 0] / learned.temperature

    keys = keys_of(5, np.arange(12))
    step = tf.random.fold_in(tf.zeros([2], tf.int32), 0)
    chain = keyed_noise.fold_in(keyed_noise.fold_in(keys, step[0]), step[1])
    noise = keyed_noise.normal(chain, tf.TensorShape([8, 8, 1]))
    kernel = step_kernel(learned.langevin, energy)(lambda *_: noise)
    state, info = kernel.init(tf.constant(images))
    state, _ = iterate(kernel, state, info, 1, tf.zeros([2], tf.int32))
    np.testing.assert_allclose(moved, state.images.numpy(), atol=1e-5)


def test_a_step_of_the_user_is_taken(medconv, images):
    still = medconv.purify(
        images, num_steps=2, langevin=Langevin(noise=0.0, drift=1e-9)
    )
    np.testing.assert_allclose(still, images, atol=1e-4)
