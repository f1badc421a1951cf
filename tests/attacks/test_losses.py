"""Losses of attacks: golden values, invariances, values at the limits of float32."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks import losses
from ebm_tf.robust_objectives import divergence

NATURAL = tf.constant([[2.0, 0.0, -1.0], [0.5, 0.2, 0.1]])
ATTACKED = tf.constant([[0.5, 1.0, -1.0], [0.1, 0.4, 0.3]])
LABELS = tf.constant([0, 2], tf.int64)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(scale=3.0, size=[50, 6]).astype(np.float32)
MANY_LABELS = RNG.integers(0, 6, 50)


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_published_values():
    np.testing.assert_allclose(
        losses.cross_entropy(NATURAL, LABELS), [0.169846, 1.280099], atol=1e-6
    )
    np.testing.assert_allclose(
        losses.cross_entropy(ATTACKED, LABELS), [1.054957, 1.072919], atol=1e-6
    )
    np.testing.assert_allclose(
        divergence(NATURAL, ATTACKED), [0.536608, 0.041665], atol=1e-6
    )


def test_values_by_hand():
    logits = tf.constant([[4.0, 1.0, 2.0, -3.0], [-1.0, -5.0, -2.0, -7.0]])
    labels, targets = tf.constant([0, 3]), tf.constant([1, 2])
    np.testing.assert_allclose(losses.margin(logits, labels), [-2.0, 6.0])
    np.testing.assert_allclose(losses.dlr(logits, labels), [-2 / 3, 6 / 4])
    np.testing.assert_allclose(
        losses.targeted_dlr(logits, labels, targets), [-3 / 5, 5 / 5], rtol=1e-6
    )


def test_values_of_a_plain_computation():
    for row, label in enumerate(MANY_LABELS):
        logits, chosen = LOGITS[row].astype(float), LOGITS[row, label]
        first, _, third, fourth = np.sort(logits)[::-1][:4]
        margin = np.delete(logits, label).max() - chosen
        target = (label + 1) % 6
        targeted = (logits[target] - chosen) / (first - (third + fourth) / 2)
        one, own = LOGITS[row : row + 1], [label]
        results = (
            losses.cross_entropy(one, own),
            losses.margin(one, own),
            losses.dlr(one, own),
            losses.targeted_dlr(one, own, [target]),
        )
        expected = (
            -log_softmax(logits)[label],
            margin,
            margin / (first - third),
            targeted,
        )
        np.testing.assert_allclose(
            np.ravel(results), expected, rtol=1e-4, atol=1e-5, err_msg=str(row)
        )


def test_the_margin_is_positive_exactly_where_the_classifier_errs():
    errs = np.argmax(LOGITS, -1) != MANY_LABELS
    assert 5 < errs.sum() < 45
    np.testing.assert_array_equal(losses.margin(LOGITS, MANY_LABELS) > 0, errs)
    np.testing.assert_array_equal(losses.dlr(LOGITS, MANY_LABELS) > 0, errs)


def test_the_margin_of_probabilities():
    logits = tf.math.log([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [1e-9, 1.0, 1e-9]])
    found = losses.probability_margin(logits, [0, 2, 1])
    np.testing.assert_allclose(found, [-0.5, 0.3, -1.0], atol=1e-6)
    shifted = losses.probability_margin(logits + 5.0, [0, 2, 1])
    np.testing.assert_allclose(shifted, found, atol=1e-6)
    errs = losses.probability_margin(LOGITS, MANY_LABELS) > 0
    np.testing.assert_array_equal(errs, np.argmax(LOGITS, -1) != MANY_LABELS)


def test_the_margin_of_logits_that_are_all_negative():
    logits = tf.constant([[-1.0, -3.0, -4.0]])
    np.testing.assert_allclose(losses.margin(logits, [0]), [-2.0])


def test_dlr_does_not_change_with_scale_and_shift():
    scaled = 1e-3 * LOGITS + 5e-3
    np.testing.assert_allclose(
        losses.dlr(scaled, MANY_LABELS), losses.dlr(LOGITS, MANY_LABELS), rtol=1e-3
    )
    targets = (MANY_LABELS + 1) % 6
    np.testing.assert_allclose(
        losses.targeted_dlr(scaled, MANY_LABELS, targets),
        losses.targeted_dlr(LOGITS, MANY_LABELS, targets),
        rtol=1e-3,
        atol=1e-5,
    )


def test_divergence_is_a_conditional_and_a_marginal_term():
    first, second = LOGITS[:25].astype(float), LOGITS[25:].astype(float)
    energies = [-np.log(np.exp(logits).sum(-1)) for logits in (first, second)]
    conditional = (np.exp(log_softmax(first)) * (first - second)).sum(-1)
    np.testing.assert_allclose(
        divergence(LOGITS[:25], LOGITS[25:]),
        conditional + energies[0] - energies[1],
        rtol=1e-4,
        atol=1e-5,
    )
    np.testing.assert_array_equal(divergence(LOGITS, LOGITS), np.zeros(50))


def test_huge_logits_stay_finite_with_their_gradients():
    logits = tf.constant([[1e4, -1e4, 0.0, 1.0], [3.0, 3.0, 3.0, 3.0]])
    labels, natural = tf.constant([0, 1]), -logits
    for loss in (
        lambda logits: losses.cross_entropy(logits, labels),
        lambda logits: losses.margin(logits, labels),
        lambda logits: losses.dlr(logits, labels),
        lambda logits: losses.targeted_dlr(logits, labels, 3 - labels),
        lambda logits: divergence(natural, logits),
    ):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = loss(logits)
        assert np.all(np.isfinite(values))
        assert np.all(np.isfinite(tape.gradient(values, logits)))


def test_too_few_classes_have_a_margin_in_place_of_a_ratio():
    two, three = tf.constant([[5.0, 2.0]]), tf.constant([[5.0, 2.0, -1.0]])
    np.testing.assert_allclose(losses.dlr(two, [0]), [-3.0])
    np.testing.assert_allclose(losses.dlr(two, [1]), [3.0])
    np.testing.assert_allclose(losses.dlr(three, [0]), [-3.0 / 6.0])
    np.testing.assert_allclose(losses.targeted_dlr(two, [0], [1]), [-3.0])
    np.testing.assert_allclose(losses.targeted_dlr(three, [0], [2]), [-6.0])


@pytest.mark.parametrize("kind", ["cross_entropy", "margin", "dlr"])
def test_a_loss_is_bound_to_labels_by_name(kind):
    loss = losses.attack_loss(kind, lambda images: images, tf.zeros([50]), MANY_LABELS)
    np.testing.assert_array_equal(
        loss(tf.constant(LOGITS)), getattr(losses, kind)(LOGITS, MANY_LABELS)
    )


def test_natural_logits_of_the_divergence_are_asked_for_once():
    asked = []

    def classifier(images):
        asked.append(images)
        return NATURAL

    loss = losses.attack_loss("kl", classifier, tf.zeros([2, 4, 4, 1]), LABELS)
    np.testing.assert_allclose(loss(ATTACKED), [0.536608, 0.041665], atol=1e-5)
    np.testing.assert_array_equal(loss(ATTACKED), divergence(NATURAL, ATTACKED))
    assert len(asked) == 1
