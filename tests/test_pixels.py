"""Ranges of pixels."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.pixels import from_bytes, to_bytes


def test_every_byte_survives_the_way_there_and_back():
    every = np.arange(256, dtype=np.uint8)
    images = from_bytes(tf.constant(every))
    assert images.dtype == tf.float32
    np.testing.assert_array_equal(to_bytes(images.numpy()), every)


def test_the_ends_and_steps_of_the_range():
    images = from_bytes(tf.constant([0, 51, 255], tf.uint8))
    np.testing.assert_allclose(images, [-1.0, -0.6, 1.0], atol=1e-6)
    np.testing.assert_allclose(np.diff(from_bytes(np.arange(256))), 2 / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("pixel", "byte"),
    [(-1, 0), (1, 255), (-7.0, 0), (1.01, 255), (-0.9961, 0), (-0.9960, 1), (0.6, 204)],
)
def test_bytes_are_clipped_and_rounded_to_the_nearest(pixel, byte):
    images = to_bytes(np.array([pixel], np.float32))
    assert images.dtype == np.uint8
    assert images.tolist() == [byte]


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_has_bytes_too():
    images = np.array([np.nan, np.inf, -np.inf, 1.0], np.float32)
    assert to_bytes(images).tolist() == [0, 255, 0, 255]
    assert np.isnan(images[0]), "the images are as they were"
