"""Losses of classifiers: golden values, identities, and what has a gradient."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import robust_objectives as objectives
from ebm_tf.config.objectives import (
    Clean,
    MailTrades,
    Mart,
    Sat,
    Trades,
    WeatAdv,
    WeatNat,
)
from ebm_tf.energies import joint_energy, marginal_energy
from ebm_tf.robust_objectives import Predictions

NATURAL = [[2.0, 0.0, -1.0], [0.5, 0.2, 0.1]]
ATTACKED = [[0.5, 1.0, -1.0], [0.1, 0.4, 0.3]]
LABELS = tf.constant([0, 2], tf.int64)
START = tf.constant(0, tf.int64)


def predictions(dtype=tf.float32) -> Predictions:
    return Predictions(tf.constant(NATURAL, dtype), tf.constant(ATTACKED, dtype))


def loss(settings, given: Predictions, update=START, **how) -> tf.Tensor:
    losses = objectives.per_image(settings, given, LABELS, update=update, **how)
    assert losses.shape == [2]
    return tf.reduce_mean(losses)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Clean(), (0.169846 + 1.280099) / 2),
        (Sat(), 1.0639379),
        (Trades(), 2.4597912),
        (WeatNat(), 1.2207860),
        (WeatAdv(), 1.3504987),
        (WeatAdv(beta=7), 1.4812643),
        (Mart(), 2.0126590),
        (Mart(beta=6), 2.0696104),
        (MailTrades(), 3.3460896),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_golden_losses(settings, expected, dtype):
    assert loss(settings, predictions(dtype)).numpy() == pytest.approx(
        expected, abs=1e-6
    )


def test_golden_parts():
    natural, attacked = predictions()
    for values, expected in [
        (marginal_energy(natural), [-2.169846, -1.380099]),
        (marginal_energy(attacked), [-1.554957, -1.372919]),
        (objectives.energy_weights(natural), [0.438986, 0.623253]),
        (objectives.cross_entropy(attacked, LABELS), [1.054957, 1.072919]),
        (objectives.divergence(natural, attacked), [0.536608, 0.041665]),
    ]:
        np.testing.assert_allclose(values, expected, atol=1e-6)


def random_logits(seed: int, scale: float = 3.0) -> tf.Tensor:
    return scale * tf.random.stateless_normal([64, 7], [seed, 1], dtype=tf.float64)


def test_cross_entropy_is_a_difference_of_energies():
    logits = random_logits(1)
    labels = tf.random.stateless_uniform([64], [1, 2], 0, 7, tf.int64)
    energies = joint_energy(logits, labels) - marginal_energy(logits)
    np.testing.assert_allclose(objectives.cross_entropy(logits, labels), energies)


def test_the_divergence_is_a_conditional_and_a_marginal_term():
    natural, attacked = random_logits(1), random_logits(2)
    # E(x, k) = -f(x)[k], averaged over k by the natural prediction.
    joint = tf.reduce_sum(tf.nn.softmax(natural) * (natural - attacked), -1)
    marginal = marginal_energy(natural) - marginal_energy(attacked)
    np.testing.assert_allclose(
        objectives.divergence(natural, attacked), joint + marginal, rtol=1e-10
    )


@pytest.mark.parametrize(
    ("energy", "expected"),
    [
        (0.0, 1.4427),
        (2.0, 0.4702),
        (-2.0, 0.4702),
        (-3.87, 0.2570),
        (11.47, 0.0872),
        (-15.0, 0.0667),
        (100.0, 0.01),
        (-1e4, 1e-4),
        (3e38, 0.0),
    ],
)
def test_weights_are_finite_for_any_energy(energy, expected):
    # One class: the energy is the logit with its sign turned.
    (weight,) = objectives.energy_weights(tf.constant([[-energy]])).numpy()
    assert weight == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("settings", [WeatNat(beta=2), WeatAdv(beta=2)], ids=str)
def test_weights_count_as_constants(settings):
    def gradients(function):
        given = predictions(tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(list(given))
            value = function(given)
        return tape.gradient(value, list(given))

    weights = np.log1p(np.exp([2.169845979, 1.380099053])) ** -1

    def by_hand(given):
        # weighted TRADES, written out without the functions under test
        logits = given[isinstance(settings, WeatAdv)]
        log_p, log_q = (tf.nn.log_softmax(values) for values in given)
        kl = tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), -1)
        ce = -tf.gather(tf.nn.log_softmax(logits), LABELS, axis=1, batch_dims=1)
        return tf.reduce_sum(weights * (ce + 2 * kl)) / 2

    for found, expected in zip(
        gradients(lambda given: loss(settings, given)), gradients(by_hand), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-7)
        assert np.abs(expected).max() > 0.01


def test_normalised_weights_have_mean_one():
    plain = [[0.438986], [0.623253]]
    ce, kl = [1.054957, 1.072919], [0.536608, 0.041665]
    weights = np.ravel(plain) / np.mean(plain)
    expected = np.mean(weights * (np.array(ce) + 6 * np.array(kl)))
    found = loss(WeatAdv(normalize=True), predictions())
    assert found.numpy() == pytest.approx(expected, abs=2e-6)


def test_the_mean_of_weights_is_that_of_the_whole_batch():
    doubled = loss(
        WeatAdv(normalize=True),
        predictions(),
        batch_mean=lambda weights: tf.reduce_mean(weights) / 2,
    )
    whole = loss(WeatAdv(normalize=True), predictions())
    assert doubled.numpy() == pytest.approx(2 * whole.numpy(), rel=1e-6)


def test_mail_is_trades_until_its_first_update():
    settings = MailTrades(beta=6, first_update=10)
    before, after = (
        loss(settings, predictions(), tf.constant(update, tf.int64)).numpy()
        for update in (9, 10)
    )
    assert before == pytest.approx(2.4597912, abs=1e-6)
    assert after == pytest.approx(
        loss(MailTrades(beta=6), predictions()).numpy(), abs=1e-6
    )
    assert abs(after - before) > 0.1


def test_margins_are_those_of_probabilities():
    _, attacked = predictions()
    p = np.exp(ATTACKED) / np.exp(ATTACKED).sum(axis=1, keepdims=True)
    expected = [p[0, 1] - p[0, 0], p[1, 1] - p[1, 2]]
    np.testing.assert_allclose(
        objectives.margins(attacked, LABELS), expected, rtol=1e-5
    )


@pytest.mark.parametrize("settings", [Trades(), Mart(), MailTrades(), WeatAdv()])
def test_losses_and_gradients_stay_finite_for_huge_logits(settings):
    given = Predictions(*(1e3 * logits for logits in predictions()))
    with tf.GradientTape() as tape:
        tape.watch(list(given))
        value = loss(settings, given)
    for tensor in (value, *tape.gradient(value, list(given))):
        assert np.isfinite(tensor.numpy()).all()
