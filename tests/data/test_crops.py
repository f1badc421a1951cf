"""Crops against an independent NumPy computation."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data import images
from tests.data.raw_files import picture


def data(size: int, **settings) -> Data:
    return Data(name="celeb_a", image_size=size, **settings)


def triangle_weights(before: int, after: int) -> np.ndarray:
    """Antialiased bilinear interpolation as a matrix [after, before]."""
    scale = before / after
    radius = max(scale, 1.0)
    centers = (np.arange(after) + 0.5) * scale - 0.5
    distances = np.abs(centers[:, None] - np.arange(before)[None, :])
    weights = np.maximum(1.0 - distances / radius, 0.0)
    return weights / weights.sum(1, keepdims=True)


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    rows = triangle_weights(image.shape[0], height)
    columns = triangle_weights(image.shape[1], width)
    return np.einsum("ah,bw,hwc->abc", rows, columns, image.astype(np.float64))


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        pytest.param((218, 178), (20, 198, 0, 178), id="celeb_a portrait"),
        pytest.param((60, 101), (0, 60, 20, 80), id="landscape"),
        pytest.param((90, 90), (0, 90, 0, 90), id="square"),
        pytest.param((20, 24), (0, 20, 2, 22), id="enlarged"),
    ],
)
def test_central_crop_is_the_central_square_resized(shape, box):
    image = np.asarray(picture(*shape, seed=1))
    top, bottom, left, right = box
    expected = resized(image[top:bottom, left:right], 64, 64) * 2 / 255 - 1
    actual = images.preprocess(tf.constant(image), data(64), None)
    np.testing.assert_allclose(actual, expected, atol=2e-5)


def test_image_of_the_right_size_passes_through():
    image = np.random.default_rng(0).integers(0, 256, [32, 32, 3], np.uint8)
    actual = images.preprocess(tf.constant(image), data(32), None)
    np.testing.assert_array_equal(actual, image * np.float32(2 / 255) - np.float32(1))


@pytest.mark.parametrize("value", [0, 255])
def test_extremes_stay_exactly_in_range(value):
    image = tf.fill([178, 218, 3], tf.constant(value, tf.uint8))
    actual = images.preprocess(image, data(64), None).numpy()
    assert -1.0 <= actual.min() and actual.max() <= 1.0
    np.testing.assert_allclose(actual, 2 * value / 255 - 1, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(50, 83), (83, 50), (40, 40), (20, 31)])
def test_random_crop_is_a_window_of_the_resized_image(height, width):
    image = np.asarray(picture(height, width, seed=2))
    short = min(height, width)
    whole = resized(image, height * 32 // short, width * 32 // short)
    windows = np.lib.stride_tricks.sliding_window_view(whole, (32, 32), axis=(0, 1))
    windows = np.moveaxis(windows, 2, -1).reshape([-1, 32, 32, 3])
    found = set()
    for seed in range(12):
        crop = images.random_crop(tf.constant(image), 32, tf.constant([seed, 5]))
        errors = np.abs(windows - crop.numpy()).max((1, 2, 3))
        assert errors.min() < 1e-2
        found.add(int(errors.argmin()))
        again = images.random_crop(tf.constant(image), 32, tf.constant([seed, 5]))
        np.testing.assert_array_equal(crop, again)
    assert (len(found) > 3) == (height != width)


def test_random_crop_reaches_both_ends():
    image = tf.constant(np.arange(3, dtype=np.uint8)[None, :, None] * [[[1]]], tf.uint8)
    firsts = {
        int(images.random_crop(image, 1, tf.constant([seed, 0]))[0, 0, 0])
        for seed in range(40)
    }
    assert firsts == {0, 1, 2}


@pytest.mark.parametrize(
    ("split", "asked", "is_random"),
    [
        ("train", True, True),
        ("train[:50%]", True, True),
        ("test", True, False),
        ("train", False, False),
    ],
)
def test_only_training_images_are_cropped_at_random(split, asked, is_random):
    settings = data(8, split=split, random_crop=asked)
    image = tf.constant(np.asarray(picture(8, 30, seed=3)))
    results = [
        images.preprocess(image, settings, tf.constant([seed, 0])).numpy()
        for seed in range(5)
    ]
    assert any((result != results[0]).any() for result in results) == is_random


def test_grey_becomes_three_equal_channels():
    image = tf.constant(np.asarray(picture(8, 8, seed=4, mode="L"))[..., None])
    grey = images.preprocess(image, data(8, channels=1), None)
    coloured = images.preprocess(image, data(8), None)
    assert grey.shape == (8, 8, 1) and coloured.shape == (8, 8, 3)
    np.testing.assert_array_equal(coloured, np.repeat(grey, 3, axis=-1))


def test_colour_becomes_luma():
    image = tf.constant([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]] * 3, tf.uint8)
    grey = images.preprocess(image, data(3, channels=1), None)[0, :, 0]
    np.testing.assert_allclose(
        (grey + 1) / 2, [0.299, 0.587, 0.114], atol=1e-3
    )  # ITU-R BT.601
