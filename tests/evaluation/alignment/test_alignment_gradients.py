"""Alignments of a linear classifier, whose gradients are known, and their figures."""

import numpy as np
import tensorflow as tf

from ebm_tf.config.alignment import AlignmentMeasurement
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.evaluation.alignment.gradients import gradient_rows, results
from ebm_tf.evaluation.alignment.linearity import results as linearity_results
from ebm_tf.evaluation.alignment.points import RADII, ZOOMED, score_curve
from tests.attacks.linear_classifiers import SEED, linear_case

CASE = linear_case(3, 12, 1.0)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = (np.reshape(rows, [len(rows), -1]) for rows in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(1) / lengths


def measured(labels, estimated=None, **choices):
    def ways(images, labels, wrong, seed):
        return tf.roll(images, 1, axis=1) + 0.1

    rows = gradient_rows(CASE.classifier, ways, estimated, **choices)
    found = {k: np.asarray(v) for k, v in rows(CASE.images, labels, SEED).items()}
    return found, ways(CASE.images, None, None, None).numpy()


def test_every_gradient_is_compared_with_directions_and_images():
    labels = tf.constant((CASE.labels.numpy() + np.arange(12) % 2) % 3)
    found, ways = measured(labels)
    w, x, y = CASE.weights, CASE.images.numpy(), labels.numpy()
    np.testing.assert_array_equal(found["prediction"], CASE.labels)
    assert (found["wrong"] != y).all()
    other = found["distances"].argmin(1)
    np.testing.assert_array_equal(found["wrong"], other)
    gradients = {
        "closest": w[other] - w[y],
        "prediction": w[CASE.labels],
        "label": w[y],
    }
    for name, gradient in gradients.items():
        expected = cosines(gradient, ways)
        np.testing.assert_allclose(found[f"alpha_dx/{name}"], expected, atol=1e-6)
        expected = np.abs(cosines(gradient, x))
        np.testing.assert_allclose(found[f"alpha_x/{name}"], expected, atol=1e-6)
    # Of rightly classified images both definitions of the closest class agree.
    right = found["prediction"] == y
    np.testing.assert_allclose(
        found["alpha_dx/of_prediction"][right], found["alpha_dx/closest"][right]
    )
    np.testing.assert_array_equal(found["alpha_x"], found["alpha_x/prediction"])
    expected = np.abs(cosines(x / 2 + 0.5, w[CASE.labels]))
    np.testing.assert_allclose(found["alpha_x_unit"], expected, atol=1e-6)


def test_few_classes_are_enough_where_the_closest_is_among_them():
    labels = tf.constant((CASE.labels.numpy() + 1) % 3)
    found, _ = measured(labels)
    few, _ = measured(labels, num_wrong=1)
    assert few["distances"].shape == (12, 2)
    # The likeliest one is the prediction, and nearer than the label: negative.
    np.testing.assert_array_equal(few["wrong"], CASE.labels)
    same = found["wrong"] == few["wrong"]
    assert same.any()
    for name in ("alpha_dx", "alpha_x", "alpha_dx/label"):
        np.testing.assert_allclose(few[name][same], found[name][same], rtol=1e-5)


def test_figures_are_of_all_and_of_rightly_classified_images():
    labels = tf.constant((CASE.labels.numpy() + np.arange(12) % 2) % 3)
    found, ways = measured(labels, lambda images, *_: -images)
    config = AlignmentMeasurement(
        name="linear",
        data=Data(name="digits", image_size=4, channels=1),
        classifier=ClassifierNetwork(num_classes=3),
        num_draws=50,
    )
    figures = results(config, found, labels.numpy())
    for name, chosen in (("all", np.ones(12, bool)), ("right", np.arange(12) % 2 == 0)):
        of_set = figures["alignments"][name]
        assert of_set["num_images"] == chosen.sum()
        values = found["alpha_dx"][chosen]
        assert np.isclose(of_set["alpha_dx"]["mean"], values.mean())
        low, high = of_set["alpha_dx"]["mean_interval"]
        assert low < values.mean() < high
        expected = cosines(-CASE.images.numpy(), ways)[chosen].mean()
        assert np.isclose(of_set["estimate_cosine"]["mean"], expected)
    lengths = np.linalg.norm((CASE.images + ways).numpy().reshape(12, -1), axis=1)
    chosen = labels.numpy() == 1
    assert np.isclose(figures["norms"]["1"]["sum"]["mean"], lengths[chosen].mean())


def test_linear_distances_beside_ways_that_are_the_same():
    linear = np.array([0.1, 0.4, 0.2, 0.3, 9.0])
    ways = np.array([0.1, 0.4, 0.2, np.inf, 0.0])
    right = np.array([True, True, True, True, False])
    found = linearity_results(linear, ways, right)
    assert found["num_images"] == 3 and found["num_without_error"] == 1
    assert np.isclose(found["rank_correlation"], 1.0)
    assert np.isclose(found["correlation"], 1.0)
    assert found["median_way"] == found["median_linear_distance"] == 0.2


def test_scores_of_points_depend_on_their_lengths():
    def by_length(points: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(points[:, 0, 0], axis=1)
        return np.stack([np.zeros(len(lengths)), 5.0 * np.log(lengths)], 1)

    scores = score_curve(by_length, 7, seed=0)
    np.testing.assert_allclose(scores, RADII**5 / (1 + RADII**5), rtol=1e-5)
    ends = RADII[ZOOMED][[0, -1]]
    np.testing.assert_allclose(ends, [0.951, 1.367], atol=1e-3)  # as published
