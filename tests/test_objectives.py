"""Losses against their golden values and closed-form gradients."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.objectives import (
    contrastive,
    hinge_of_discriminator,
    hinge_of_generator,
    reconstruction,
)


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_contrastive_golden_value(shape):
    positive = tf.reshape(tf.constant([1.0, 3.0]), shape)
    negative = tf.reshape(tf.constant([0.0, 1.0]), shape)
    assert float(contrastive(positive, negative, 0.5)) == pytest.approx(3.0)


def test_contrastive_takes_means_of_unequal_counts():
    loss = contrastive(tf.constant([3.0]), tf.constant([1.0, 2.0, 6.0]), 2.0)
    assert float(loss) == pytest.approx(0.0)


def test_contrastive_lowers_data_and_raises_samples():
    positive, negative = tf.ones([4]), tf.ones([2])
    with tf.GradientTape() as tape:
        tape.watch([positive, negative])
        loss = contrastive(positive, negative, 0.5)
    up, down = tape.gradient(loss, [positive, negative])
    np.testing.assert_allclose(up, [0.5] * 4)
    np.testing.assert_allclose(down, [-1.0] * 2)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_reconstruction_sums_pixels_and_averages_the_batch(batch):
    images = tf.random.stateless_uniform([batch, 4, 4, 3], [1, 2])
    assert float(reconstruction(images, images + 0.1)) == pytest.approx(0.48, rel=1e-5)


@pytest.mark.parametrize("shape", [[4], [4, 1]])
def test_hinge_golden_values(shape):
    data = tf.reshape(tf.constant([2.0, 1.0, 0.5, -1.0]), shape)
    samples = tf.reshape(tf.constant([-3.0, -1.0, -0.5, 1.0]), shape)
    # (0 + 0 + 0.5 + 2) / 4 and (0 + 0 + 0.5 + 2) / 4; minus the mean of samples.
    assert float(hinge_of_discriminator(data, samples)) == pytest.approx(1.25)
    assert float(hinge_of_generator(samples)) == pytest.approx(0.875)


def test_hinge_learns_only_from_scores_within_the_margin():
    data, samples = tf.constant([2.0, 0.5]), tf.constant([-3.0, 0.5])
    with tf.GradientTape() as tape:
        tape.watch([data, samples])
        loss = hinge_of_discriminator(data, samples)
    up, down = tape.gradient(loss, [data, samples])
    np.testing.assert_allclose(up, [0.0, -0.5])
    np.testing.assert_allclose(down, [0.0, 0.5])
