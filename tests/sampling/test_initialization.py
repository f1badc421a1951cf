"""Where chains start."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.models.latents import standard_normal
from ebm_tf.sampling.initialization import (
    RIDGE,
    class_gaussian_start,
    class_gaussians,
    data_start,
    generator_start,
    noise_start,
)

SEED = tf.constant([2, 3])


def generate(latents):
    return tf.tile(tf.tanh(latents)[:, None, :, None], [1, 2, 1, 1])


DATA = tf.random.stateless_uniform([6, 2, 3, 1], SEED + 5)
# Three classes of 30, 4 and 1 images of six numbers, the last of which are constant.
LABELS = np.repeat([0, 2, 1], [30, 4, 1])
IMAGES = np.random.default_rng(0).normal(0, 0.2, [35, 2, 3, 1]).astype(np.float32)
IMAGES[:, 1, 2] = 0.5
GAUSSIANS = class_gaussians(IMAGES, LABELS, 3)
STARTS = {
    "gaussian": class_gaussian_start(GAUSSIANS, (2, 3, 1), tf.constant(2)),
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


@pytest.mark.parametrize("start", ["noise", "generator", "gaussian"])
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


@pytest.mark.parametrize("label", [0, 1, 2])
def test_gaussians_have_the_moments_of_their_classes(label):
    vectors = IMAGES[label == LABELS].reshape(-1, 6)
    np.testing.assert_allclose(GAUSSIANS.means[label], vectors.mean(0), atol=1e-6)
    factor = GAUSSIANS.factors[label]
    assert factor.shape == (6, 6)
    covariance = np.cov(vectors.T, bias=True) if len(vectors) > 1 else np.zeros([6, 6])
    np.testing.assert_allclose(factor.T @ factor, covariance, atol=1e-6)


def test_chains_from_gaussians_have_them_too_and_their_classes_in_turn():
    """Chain i has class (2 + i) mod 3."""
    n = 30_000
    start = class_gaussian_start(GAUSSIANS, (2, 3, 1), tf.constant(2))
    images = start(n, SEED).images.numpy().reshape(n, 6)
    classes = (2 + np.arange(n)) % 3
    for label in range(3):
        drawn, factor = images[classes == label], GAUSSIANS.factors[label]
        np.testing.assert_allclose(drawn.mean(0), GAUSSIANS.means[label], atol=0.01)
        expected = factor.T @ factor + RIDGE**2 * np.eye(6)
        np.testing.assert_allclose(np.cov(drawn.T, bias=True), expected, atol=2e-3)
    constant = images[:, 5]
    assert constant.std() == pytest.approx(RIDGE, rel=0.05)
    assert np.abs(images).max() <= 1.0


def test_a_negative_first_class_is_one_of_them():
    """Keys give any 32-bit number."""
    first, other = (
        class_gaussian_start(GAUSSIANS, (2, 3, 1), tf.constant(number))(7, SEED)
        for number in (-4, 2)
    )
    np.testing.assert_array_equal(first.images, other.images)
