"""Where chains start."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.models.latents import standard_normal
from ebm_tf.sampling.initialization import data_start, generator_start, noise_start

SEED = tf.constant([2, 3])


def generate(latents):
    return tf.tile(tf.tanh(latents)[:, None, :, None], [1, 2, 1, 1])


DATA = tf.random.stateless_uniform([6, 2, 3, 1], SEED + 5)
STARTS = {
    "noise": noise_start((2, 3, 1)),
    "data": data_start(DATA),
    "generator": generator_start(generate, standard_normal(3)),
}


@pytest.mark.parametrize("start", STARTS)
def test_chains_are_new(start):
    chains = STARTS[start](4, SEED)
    assert chains.images.shape == (4, 2, 3, 1) and chains.images.dtype == tf.float32
    assert chains.ages.dtype == tf.int32 and chains.ages.numpy().tolist() == [0] * 4
    assert chains.latents.shape == (4, 3 if start == "generator" else 0)
    assert chains.latents.dtype == tf.float32


@pytest.mark.parametrize("start", ["noise", "generator"])
def test_the_key_decides(start):
    first, again, other = (STARTS[start](4, key) for key in (SEED, SEED, SEED + 1))
    np.testing.assert_array_equal(first.images, again.images)
    assert np.all(first.images != other.images)


@pytest.mark.parametrize("scale", [1.0, 0.25, 3.0])
def test_noise_is_uniform_in_its_range(scale):
    pixels = noise_start((10, 10, 1), scale)(1000, SEED).images.numpy().ravel()
    assert -scale <= pixels.min() < -0.999 * scale
    assert scale >= pixels.max() > 0.999 * scale
    assert pixels.mean() == pytest.approx(0.0, abs=5 * scale / np.sqrt(3e5))
    assert pixels.var() == pytest.approx(scale**2 / 3, rel=0.02)


def test_data_starts_are_the_first_images():
    np.testing.assert_array_equal(STARTS["data"](4, SEED).images, DATA[:4])


def test_a_generator_start_keeps_the_latent_of_each_image():
    chains = STARTS["generator"](5, SEED)
    np.testing.assert_array_equal(chains.latents, standard_normal(3)(5, SEED))
    np.testing.assert_array_equal(generate(chains.latents), chains.images)
