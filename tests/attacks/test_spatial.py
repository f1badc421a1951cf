"""Flows: their norm, where they take pixels from, and what they break."""

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.spatial import flows, spatial, warped
from ebm_tf.config.attacks import Pgd
from tests.attacks.linear_classifiers import SEED

IMAGES = tf.random.stateless_uniform([3, 6, 8, 2], [1, 2], -1.0, 1.0)


def test_the_norm_of_waves_is_that_of_differences_between_neighbours():
    waves = np.random.default_rng(0).normal(size=[3, 6, 8, 2]).astype(np.float32)
    waves[:, 0, 0] = 0.0
    flow = flows(tf.constant(waves)).numpy()
    squares = sum((np.diff(flow, axis=axis) ** 2).sum((1, 2, 3)) for axis in (1, 2))
    lengths = np.linalg.norm(waves.reshape(3, -1), axis=1)
    np.testing.assert_allclose(np.sqrt(squares), lengths, rtol=1e-5)
    # The first wave is a translation, in which nothing differs.
    alone = np.zeros_like(waves)
    alone[:, 0, 0] = 1.0
    moved = flows(tf.constant(alone)).numpy()
    assert np.ptp(moved, axis=(1, 2)).max() < 1e-6 and moved.min() > 0


def test_pixels_are_taken_from_where_the_flow_says():
    still = np.zeros([3, 6, 8, 2], np.float32)
    np.testing.assert_array_equal(warped(IMAGES, still), IMAGES)
    right, down = still.copy(), still.copy()
    right[..., 1], down[..., 0] = 2 / 8, 2 / 6  # one pixel each
    moved = warped(IMAGES, right).numpy()
    np.testing.assert_allclose(moved[:, :, :-1], IMAGES[:, :, 1:], atol=1e-5)
    np.testing.assert_allclose(moved[:, :, -1], IMAGES[:, :, -1], atol=1e-5)
    moved = warped(IMAGES, down).numpy()
    np.testing.assert_allclose(moved[:, :-1], IMAGES[:, 1:], atol=1e-5)
    halfway = warped(IMAGES, 0.5 * right).numpy()
    means = (IMAGES[:, :, 1:] + IMAGES[:, :, :-1]) / 2
    np.testing.assert_allclose(halfway[:, :, :-1], means, atol=1e-5)


def test_an_image_breaks_where_the_flow_may_be_large_enough():
    # A bright column; the classes are on which side of the middle it is.
    column = np.full([2, 8, 8, 1], -1.0, np.float32)
    column[:, :, 3] = 1.0
    sides = np.repeat([1.0, -1.0], 4)

    def classifier(images: tf.Tensor) -> tf.Tensor:
        weight = tf.constant(sides[None, None, :, None], tf.float32)
        score = tf.reduce_sum(images * weight, [1, 2, 3])
        return tf.stack([score, -score], 1)

    labels = tf.zeros([2], tf.int64)
    attack = spatial(classifier, Pgd(loss="margin", num_steps=20, step_size=0.125))
    found = attack(tf.constant(column), labels, tf.constant([0.01, 3.0]), SEED)
    np.testing.assert_array_equal(found.broken, [False, True])
    lengths = found.info["flow_norm"].numpy()
    assert lengths[0] <= 0.01 * (1 + 1e-5) and 0.01 < lengths[1] <= 3.0 * (1 + 1e-5)
    assert np.argmax(classifier(found.images), 1).tolist() == [0, 1]
    assert found.images.numpy().min() >= -1.0 and found.images.numpy().max() <= 1.0


def test_no_flow_changes_nothing():
    attack = spatial(lambda x: tf.reduce_sum(x, [1, 2]), Pgd(num_steps=2))
    found = attack(IMAGES, tf.zeros([3], tf.int64), tf.zeros([3]), SEED)
    np.testing.assert_array_equal(found.images, IMAGES)
