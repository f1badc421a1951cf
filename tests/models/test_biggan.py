import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import biggan
from tests.runs import without_values

SEED = tf.constant([15, 16])
SIZES = [64, 128, 224, 256]


def images_of(size):
    return tf.random.stateless_normal([2, size, size, 3], SEED)


def outputs_of_kernels(model):
    """The length of the vectors u of an (unused) spectral normalisation."""
    return sum(weight.shape[-1] for weight in model.weights if weight.name == "kernel")


@pytest.mark.parametrize(
    ("image_size", "parameters", "with_vectors"),
    [
        (64, 1_850_041, 1_855_478),
        (128, 3_774_469, 3_782_594),
        (224, 4_289_605, 4_299_242),
        (256, 4_289_605, 4_299_242),
    ],
)
def test_published_energies(image_size, parameters, with_vectors):
    with without_values():
        model = biggan.energy(image_size)
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    assert model.count_params() == trainable == parameters
    assert parameters + outputs_of_kernels(model) == with_vectors


@pytest.mark.parametrize("image_size", SIZES)
def test_every_size_is_finite(image_size):
    energies = biggan.energy(image_size, width=4)(images_of(image_size))
    assert energies.shape == (2, 1)
    assert np.isfinite(energies).all()


def test_224_pixels_end_at_3():
    model = biggan.energy(224, width=4)
    assert model.get_layer("final_activation").output.shape[1:3] == (3, 3)


@pytest.mark.parametrize(
    ("image_size", "side", "multiple"), [(64, 64, 1), (128, 64, 2), (256, 64, 4)]
)
def test_attention_sits_at_64_pixels(image_size, side, multiple):
    model = biggan.energy(image_size, width=4)
    shape = model.get_layer("attention").output.shape
    assert shape[1:] == (side, side, 4 * multiple)


def test_energy_of_an_image_is_independent_of_its_batch():
    model = biggan.energy(64, width=4)
    model.get_layer("attention").gamma.assign([1.0])
    images = images_of(64)
    np.testing.assert_allclose(model(images)[:1], model(images[:1]), rtol=1e-4)


def test_weights_survive_a_file(tmp_path):
    first, second = biggan.energy(64, width=4), biggan.energy(64, width=4)
    images = images_of(64)
    assert not np.array_equal(first(images), second(images))
    first.save_weights(tmp_path / "x.weights.h5")
    second.load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_array_equal(first(images), second(images))


def test_bfloat16_energy_has_a_float32_surface():
    exact = biggan.energy(64, width=8)
    rounded = biggan.energy(64, width=8, dtype="bfloat16")
    exact.get_layer("attention").gamma.assign([0.5])
    rounded.set_weights(exact.get_weights())
    images = images_of(64)
    gradients = []
    for model in (exact, rounded):
        with tf.GradientTape() as tape:
            tape.watch(images)
            energies = model(images)
        assert energies.dtype == tf.float32
        gradients.append(tape.gradient(energies, images))
    assert gradients[1].dtype == tf.float32
    difference = tf.norm(gradients[1] - gradients[0])
    assert difference < 0.3 * tf.norm(gradients[0])


def test_unsupported_networks_are_told():
    with pytest.raises(ConfigError, match="^Expected image_size=32 to be one of 64"):
        biggan.energy(32)
    with pytest.raises(ConfigError, match="^Expected channels=1 to be 3 for the"):
        biggan.energy(64, 1)
    with pytest.raises(ConfigError, match="^Expected width=3 to be at least 4"):
        biggan.energy(64, width=3)
