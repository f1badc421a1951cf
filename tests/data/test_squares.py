"""Squares: sizes, labels and noise as published, and the ring of true directions."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.squares import KINDS, SCALES, SPLITS, clean
from ebm_tf.errors import DataError


def data(name: str, split: str) -> Data:
    return Data(name=name, image_size=KINDS[name].size, channels=1, split=split)


def loaded(name: str, split: str):
    source = open_source(data(name, split))
    return source, *load_images(source, data(name, split))


def test_labels_are_those_of_the_published_generator():
    seed, num = SPLITS["train"]
    scales = np.random.RandomState(seed).choice([0.5, 0.8], num)
    assert np.mean(scales < 0.7) == 0.5026  # as published
    _, _, labels = loaded("squares32", "train[:300]")
    np.testing.assert_array_equal(labels, scales[:300] < 0.7)


@pytest.mark.parametrize(
    ("name", "halves", "ring", "length"),
    [("squares", (71, 44), 12_420, 111.45), ("squares32", (10, 6), 256, 16.0)],
)
def test_squares_and_the_ring_between_them_are_as_large_as_published(
    name, halves, ring, length
):
    for scale, half in zip(SCALES, halves, strict=True):
        assert np.sum(clean(KINDS[name], scale) > 0) == (2 * half) ** 2
    source, images, labels = loaded(name, "test[:6]")
    assert source.directions is not None and set(labels) == {0, 1}
    ways = source.directions(
        tf.constant(images), tf.constant(labels), tf.constant(1 - labels), None
    ).numpy()
    for way, label in zip(ways, labels, strict=True):
        # The small square grows, and the large one shrinks.
        assert way.sum() == (ring if label == 1 else -ring)
        assert np.linalg.norm(way) == pytest.approx(length, abs=0.01)
        assert set(np.unique(way)) == {0.0, 1.0 if label == 1 else -1.0}


def test_small_images_stay_in_the_range_of_pixels_and_large_ones_do_not():
    _, small, labels = loaded("squares32", "validation")
    assert small.shape == (200, 32, 32, 1) and np.abs(small).max() <= 1.0
    squares = np.stack([clean(KINDS["squares32"], scale) for scale in SCALES])
    noise = small[..., 0] - squares[labels]
    assert np.abs(noise).max() == pytest.approx(0.5, abs=1e-6)
    assert noise.std() == pytest.approx(0.24, abs=0.01)
    _, large, _ = loaded("squares", "test[:4]")
    assert np.mean(np.abs(large) > 1.0) == pytest.approx(0.16, abs=0.02)


def test_a_slice_has_the_images_of_its_places():
    _, whole, _ = loaded("squares32", "test[:12]")
    _, part, _ = loaded("squares32", "test[5:12]")
    np.testing.assert_array_equal(part, whole[5:])


def test_other_splits_are_told():
    with pytest.raises(DataError, match="Dataset squares has no split 'all': it has"):
        open_source(data("squares", "all"))
