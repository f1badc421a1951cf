"""Corruptions of images: closed forms, what they leave alone, and severities."""

import numpy as np
import pytest
from scipy import ndimage

from ebm_tf.config.corruption import MADE, NUM_SEVERITIES
from ebm_tf.data.corruptions import STRENGTHS, corrupted

SEVERITIES = range(1, NUM_SEVERITIES + 1)


def smooth(size: int, channels: int, num: int = 3) -> np.ndarray:
    """Images with structure at several scales, as photographs have."""
    noise = np.random.default_rng(1).normal(size=[num, size, size, channels])
    parts = [ndimage.gaussian_filter(noise, (0, s, s, 0)) for s in (0.5, size / 8)]
    values = sum(part / part.std() for part in parts)
    return np.clip(128 + 40 * values, 0, 255).astype(np.uint8)


def test_every_name_of_the_settings_is_made():
    assert tuple(STRENGTHS) == MADE
    assert all(len(values) == NUM_SEVERITIES for values in STRENGTHS.values())


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3)])
def test_each_severity_is_further_from_the_image(name, size, channels):
    images = smooth(size, channels)
    distances = [0.0]
    for severity in SEVERITIES:
        found = corrupted(images, name, severity, seed=0)
        assert found.dtype == np.uint8 and found.shape == images.shape
        difference = found.astype(np.float64) - images
        distances.append(float(np.mean(difference**2)))
    if (name, size) == ("pixelate", 8):  # of 8 pixels, 4 fit better than 5
        distances = sorted(distances[:-1]) + distances[-1:]
    assert np.all(np.diff(distances) > 0), distances


@pytest.mark.parametrize("name", ["blur", "contrast", "jpeg", "pixelate"])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_even_image_has_nothing_to_lose(name, channels):
    images = np.full([1, 32, 32, channels], 128, np.uint8)
    for severity in SEVERITIES:
        np.testing.assert_array_equal(corrupted(images, name, severity, seed=0), images)


def test_brightness_and_contrast_have_closed_forms():
    images = smooth(28, 3)
    for severity in SEVERITIES:
        part = STRENGTHS["brightness"][severity - 1]
        expected = np.minimum(np.rint(images + 255 * part), 255)
        found = corrupted(images, "brightness", severity, seed=0)
        np.testing.assert_array_equal(found, expected)
        found = corrupted(images, "contrast", severity, seed=0).astype(np.float64)
        ratio = found.std(axis=(1, 2)) / images.std(axis=(1, 2))
        part = STRENGTHS["contrast"][severity - 1]
        np.testing.assert_allclose(ratio, part, atol=0.02)
        np.testing.assert_allclose(
            found.mean(axis=(1, 2)), images.mean(axis=(1, 2)), atol=0.5
        )


def test_the_noise_has_the_deviation_that_is_said_and_mean_0():
    images = np.full([20, 32, 32, 3], 128, np.uint8)
    for severity, deviation in zip(
        SEVERITIES[:3], STRENGTHS["gaussian_noise"], strict=False
    ):
        noise = corrupted(images, "gaussian_noise", severity, seed=0) - 128.0
        assert noise.std() == pytest.approx(255 * deviation, rel=0.02)
        assert abs(noise.mean()) < 4 * 255 * deviation / np.sqrt(noise.size)


def test_the_noise_of_an_image_is_of_its_place_and_the_seed():
    images = smooth(8, 1, num=5)
    whole = corrupted(images, "gaussian_noise", 3, seed=7)
    parts = [
        corrupted(images[rows], "gaussian_noise", 3, seed=7, first=rows.start)
        for rows in (slice(0, 2), slice(2, 5))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(corrupted(images, "gaussian_noise", 3, seed=8), whole)


def test_the_blur_is_that_of_a_gaussian():
    """Of a point in the middle: the variance of what is left is that of the kernel."""
    images = np.zeros([1, 65, 65, 1], np.uint8)
    images[0, 32, 32] = 255
    images = np.repeat(images, 32, 0)
    sigma = STRENGTHS["blur"][0] * np.sqrt(65 / 32)
    found = corrupted(images, "blur", 1, seed=0)[0, ..., 0].astype(np.float64)
    places = np.arange(65) - 32
    variance = (found.sum(0) * places**2).sum() / found.sum()
    assert variance == pytest.approx(sigma**2, rel=0.1)


@pytest.mark.parametrize(
    ("size", "sides"), [(32, [26, 19, 14, 10, 6]), (8, [7, 6, 5, 4, 3])]
)
def test_so_many_different_pixels_a_side_are_left(size, sides):
    for severity, side in zip(SEVERITIES, sides, strict=True):
        for image in corrupted(smooth(size, 3), "pixelate", severity, seed=0):
            assert len(np.unique(image.reshape(size, -1), axis=0)) == side
