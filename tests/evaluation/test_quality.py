"""Figures of samples against data, on digits."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ebm_tf.evaluation.frechet import moments
from ebm_tf.evaluation.quality import (
    CHUNK,
    measure_pixels,
    pixel_distance,
    pixel_moments,
)

IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = (IMAGES / 8.0 - 1.0).astype(np.float32).reshape(-1, 8, 8, 1)
UNKNOWN = np.full(len(LABELS), -1)


def frechet(samples, images=IMAGES):
    return measure_pixels(samples, images, UNKNOWN[: len(images)])["frechet_pixels"]


def test_moments_in_chunks_are_those_of_all():
    images = np.random.default_rng(0).normal(size=(2 * CHUNK + 7, 2, 1, 2))
    whole, chunks = moments(images.reshape(-1, 4)), pixel_moments(images)
    assert chunks.count == whole.count
    np.testing.assert_allclose(chunks.mean, whole.mean, atol=1e-12)
    np.testing.assert_allclose(chunks.scatter, whole.scatter, rtol=1e-9)


def test_the_scale_of_the_distance():
    generator = np.random.default_rng(1)
    noise = generator.uniform(-1.0, 1.0, [1000, 8, 8, 1])
    assert frechet(noise) == pytest.approx(39.0, abs=1.0)
    order = generator.permutation(len(IMAGES))
    first, second = IMAGES[order[:898]], IMAGES[order[898:]]
    assert frechet(first, second) == pytest.approx(0.28, abs=0.04)
    assert frechet(IMAGES) == pytest.approx(0.0, abs=1e-4)


def test_samples_are_clipped():
    beyond = np.where(IMAGES == -1.0, -3.0, IMAGES)
    assert frechet(beyond) == pytest.approx(frechet(IMAGES), abs=1e-6)


def test_figures_of_labelled_images_are_json():
    metrics = json.loads(
        json.dumps(measure_pixels(IMAGES[:50], IMAGES[:300], LABELS[:300]))
    )
    assert metrics["num_samples"] == 50 and metrics["num_images"] == 300
    assert len(metrics["class_shares"]) == 10


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (IMAGES, UNKNOWN),
        (np.random.default_rng(2).normal(size=(3, 33, 33, 1)), [0, 1, 2]),
    ],
    ids=["unlabelled", "large"],
)
def test_class_shares_only_of_small_labelled_images(images, labels):
    metrics = measure_pixels(images[:3], images, np.array(labels))
    assert "class_shares" not in metrics and metrics["num_samples"] == 3


def test_the_distance_of_no_numbers_is_none():
    samples = np.zeros([4, 2, 2, 1], np.float32)
    samples[2, 0, 0, 0] = np.nan
    reference = pixel_moments(np.random.default_rng(0).uniform(-1, 1, [9, 2, 2, 1]))
    assert np.isnan(pixel_distance(samples, reference))
