"""Inception Score: closed forms and laws."""

import functools

import numpy as np
import pytest

from ebm_tf.evaluation.inception_score import inception_score, merge, prediction_sums


def score(logits):
    """The score of one split."""
    return inception_score([prediction_sums(np.asarray(logits))]).mean


def some_logits(count, classes, *, seed):
    return 3 * np.random.default_rng(seed).normal(size=(count, classes))


@pytest.mark.parametrize("classes", [2, 10, 1008])
def test_predictions_that_say_nothing_score_one(classes):
    assert score(np.zeros([20, classes])) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("scale", [100.0, 1e4, np.inf])
@pytest.mark.parametrize("classes", [2, 10])
def test_sure_and_balanced_predictions_score_the_number_of_classes(classes, scale):
    chosen = np.tile(np.eye(classes, dtype=bool), [3, 1])
    logits = np.where(chosen, 0.0, -scale)
    assert score(logits) == pytest.approx(classes, rel=1e-12)


def test_sure_predictions_of_one_class_score_one():
    assert score(np.tile([[50.0, 0.0, 0.0]], [8, 1])) == pytest.approx(1.0, rel=1e-12)


def test_two_predictions_by_hand():
    # Of (3/4, 1/4) and (1/4, 3/4): log 2 less their entropy.
    logits = np.log([[3.0, 1.0], [1.0, 3.0]])
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert score(logits) == pytest.approx(2 * np.exp(-entropy), rel=1e-12)


def test_equality_with_the_published_sum():
    logits = some_logits(30, 7, seed=0)
    predictions = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    marginal = predictions.mean(axis=0, keepdims=True)
    divergences = predictions * (np.log(predictions) - np.log(marginal))
    expected = np.exp(divergences.sum(axis=1).mean())
    assert score(logits) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_added_to_the_logits_of_an_image_changes_nothing(dtype):
    logits = some_logits(30, 7, seed=1).astype(dtype)
    shifts = np.random.default_rng(2).normal(size=(30, 1)) * 1e3
    assert score(logits + shifts) == pytest.approx(score(logits), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_from_one_to_the_number_of_classes(seed):
    assert 1.0 <= score(some_logits(40, 5, seed=seed) * 10**seed) <= 5.0


def test_pieces_merged_are_the_whole():
    logits = some_logits(50, 6, seed=3)
    parts = [prediction_sums(part) for part in np.split(logits, [1, 20, 45])]
    merged, whole = functools.reduce(merge, parts), prediction_sums(logits)
    assert merged.count == whole.count == 50
    np.testing.assert_allclose(merged.probabilities, whole.probabilities, rtol=1e-12)
    assert merged.entropy == pytest.approx(whole.entropy, rel=1e-12)
    assert merged.probabilities.sum() == pytest.approx(50, rel=1e-12)


def test_mean_and_deviation_over_splits():
    splits = np.split(some_logits(40, 6, seed=4), 4)
    result = inception_score([prediction_sums(split) for split in splits])
    scores = [score(split) for split in splits]
    assert result.mean == pytest.approx(np.mean(scores), rel=1e-12)
    assert result.stddev == pytest.approx(np.std(scores), rel=1e-12)
    assert inception_score([prediction_sums(splits[0])]).stddev == 0.0


def test_a_duplicated_sample_scores_the_same():
    logits = some_logits(40, 6, seed=5)
    assert score(np.vstack([logits, logits])) == pytest.approx(score(logits))
