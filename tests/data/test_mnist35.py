"""Threes and fives: which images are in which split."""

import numpy as np
import pytest

from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import array_source
from ebm_tf.data.mnist35 import mnist35_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import DataError

DATA = Data(name="mnist35", image_size=4, channels=1)
LABELS = np.tile([3, 1, 5, 5, 0], 20)


def mnist(split: str, directory: str | None):
    """Images that say their place in the split."""
    images = np.zeros([100, 4, 4, 1], np.uint8)
    images[:, 0, 0, 0] = np.arange(100)
    return array_source(images, LABELS, name="mnist", split=split, origin="here")


def places(split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_images(mnist35_source(mnist, split, None), DATA)
    return np.rint((images[:, 0, 0, 0] + 1) * 127.5).astype(int), labels


def test_a_tenth_of_the_shuffled_training_images_validates():
    chosen = np.flatnonzero(np.isin(LABELS, (3, 5)))
    np.random.RandomState(0).shuffle(chosen)
    for split, expected in (("validation", chosen[:6]), ("train", chosen[6:])):
        found, labels = places(split)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(labels, LABELS[expected] == 5)


def test_the_test_split_stays_in_order_and_can_be_cut():
    found, labels = places("test")
    np.testing.assert_array_equal(found, np.flatnonzero(np.isin(LABELS, (3, 5))))
    part, of_part = places("test[10:14]")
    np.testing.assert_array_equal(part, found[10:14])
    np.testing.assert_array_equal(of_part, labels[10:14])


def test_other_splits_are_told():
    with pytest.raises(DataError, match="Dataset mnist35 has no split 'all'"):
        mnist35_source(mnist, "all", None)
