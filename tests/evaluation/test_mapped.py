"""Metrics of mapped images, by hand and of networks that are known."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.evaluation.mapped import Mapped, mapping, measures, norms
from ebm_tf.runtime.distribution import Replicas

IMAGES = np.random.default_rng(1).normal(size=(7, 2, 2, 1)).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2, 0])


def moved_by_class() -> keras.Model:
    """The difference of each pixel is the wrong class less the label."""
    images = keras.Input((2, 2, 1))
    labels, wrong = (keras.Input((), dtype="int32") for _ in range(2))
    away: Any = keras.ops.cast(keras.ops.subtract(wrong, labels), "float32")
    away = away[:, None, None, None]
    ones = keras.ops.ones_like(images)
    return keras.Model([images, labels, wrong], ones * away)


def by_sum() -> keras.Model:
    """Three logits of an image: 0, its sum, and -100."""
    images = keras.Input((2, 2, 1))
    total: Any = keras.ops.sum(images, (1, 2))
    rows = [0.0 * total, total, 0.0 * total - 100.0]
    return keras.Model(images, keras.ops.concatenate(rows, -1))


def test_images_are_mapped_to_the_class_after_their_own(one_replica):
    replicas = Replicas(one_replica, jit=False)
    found = mapping(moved_by_class(), by_sum(), replicas, 4)(IMAGES, LABELS)
    assert found.wrong.tolist() == [1, 2, 0, 1, 2, 0, 1]
    np.testing.assert_array_equal(found.differences[:, 0, 0, 0], [1, 1, -2] * 2 + [1])
    sums = found.mapped.sum((1, 2, 3))
    np.testing.assert_array_equal(found.predictions, np.where(sums > 0, 1, 0))


def test_measures_by_hand():
    differences = np.zeros_like(IMAGES[:4])
    differences[:2, 0, 0, 0], differences[2:, 0, 0, 0] = 3.0, -4.0
    labels = np.array([0, 0, 1, 1])
    predictions = np.array([1, 0, 0, 0])
    found = Mapped(IMAGES[:4], labels, 1 - labels, differences, predictions)
    truth = np.zeros_like(differences)
    truth[:, 0, 0, 0], truth[:, 1, 1, 0] = 1.0, 1.0
    told = measures(found, lambda *_: tf.constant(truth))
    assert told["flip_rate"] == 0.75 and told["num_images"] == 4
    assert told["norms"]["0"]["difference"] == 3.0
    assert told["norms"]["1"]["difference"] == 4.0
    expected = np.linalg.norm(IMAGES[:2].reshape(2, -1), axis=1).mean()
    assert told["norms"]["0"]["image"] == pytest.approx(expected, rel=1e-6)
    # Two at 45 degrees and two at 135.
    assert told["cosine"] == pytest.approx(0.0, abs=1e-6)
    half = 1.96 * np.sqrt(4 / 3 * 0.5) / 2
    np.testing.assert_allclose(told["cosine_interval"], [-half, half], rtol=1e-3)
    assert "cosine" not in measures(found)


def test_the_truth_has_a_cosine_of_1_whatever_its_length():
    found = Mapped(IMAGES, LABELS, LABELS, 0.1 * IMAGES, LABELS)
    assert measures(found, lambda images, *_: 7.0 * images)["cosine"] == pytest.approx(
        1.0
    )
    np.testing.assert_allclose(norms(IMAGES), np.sqrt((IMAGES**2).sum((1, 2, 3))))
    assert tf.constant(found.mapped).shape == IMAGES.shape
