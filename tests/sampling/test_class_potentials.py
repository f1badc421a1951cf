"""What chains of classes descend: identities, and independent computations."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.spatial.distance import mahalanobis
from sklearn.metrics import log_loss

from ebm_tf.energies import joint_energy, marginal_energy, posterior_energy
from ebm_tf.errors import DataError
from ebm_tf.sampling.class_chains import potential_of
from ebm_tf.sampling.class_statistics import RIDGE, class_statistics

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
LOGITS = (RNG.normal(size=[60, 3]) + 4 * np.eye(3)[LABELS]).astype(np.float32)
STATISTICS = class_statistics(LOGITS, LABELS)
ASKED = np.array([0, 1, 2, 2])
SOME = RNG.normal(size=[4, 3]).astype(np.float32)


def value(name, logits=SOME, labels=ASKED):
    found = potential_of(name, STATISTICS)(tf.constant(logits), tf.constant(labels))
    return found.numpy()


def test_statistics_are_those_of_each_class():
    assert STATISTICS.counts.tolist() == [20, 20, 20]
    for label in range(3):
        own = LOGITS[LABELS == label].astype(np.float64)
        np.testing.assert_allclose(STATISTICS.means[label], own.mean(0), rtol=1e-5)
        assert STATISTICS.energies[label] == pytest.approx(-own[:, label].mean())
        away = own - own.mean(0)
        covariance = away.T @ away / 20 + RIDGE * np.eye(3)
        np.testing.assert_allclose(
            STATISTICS.precisions[label] @ covariance, np.eye(3), atol=1e-4
        )


def test_the_posterior_energy_is_the_cross_entropy():
    found = value("posterior")
    np.testing.assert_allclose(found, value("joint") - value("marginal"), atol=1e-6)
    probabilities = tf.nn.softmax(SOME).numpy().astype(np.float64)
    expected = log_loss(ASKED, probabilities, labels=[0, 1, 2], normalize=False)
    assert found.sum() == pytest.approx(expected, rel=1e-5)


def test_the_reference_energy_is_0_at_the_mean_and_square_around_it():
    logits = np.zeros([4, 3], np.float32)
    logits[np.arange(4), ASKED] = -STATISTICS.energies[ASKED] + [0, 1, -2, 0]
    np.testing.assert_allclose(value("reference", logits), [0, 1, 4, 0], atol=1e-5)


def test_the_distance_is_that_of_mahalanobis():
    expected = [
        mahalanobis(logits, STATISTICS.means[label], STATISTICS.precisions[label]) ** 2
        for logits, label in zip(SOME, ASKED, strict=True)
    ]
    np.testing.assert_allclose(value("mahalanobis"), expected, rtol=1e-4)
    np.testing.assert_allclose(
        value("mahalanobis", STATISTICS.means, np.arange(3)), 0, atol=1e-5
    )


def test_shifts_of_all_logits_move_only_the_energies():
    for name, moved in (("joint", -2.5), ("marginal", -2.5), ("posterior", 0.0)):
        np.testing.assert_allclose(
            value(name, SOME + 2.5), value(name) + moved, atol=1e-5
        )


def test_a_potential_is_what_its_name_says():
    np.testing.assert_array_equal(value("joint"), joint_energy(SOME, ASKED))
    np.testing.assert_array_equal(value("marginal"), marginal_energy(SOME))
    np.testing.assert_array_equal(value("posterior"), posterior_energy(SOME, ASKED))
    with pytest.raises(ValueError, match="statistics"):
        potential_of("reference", None)


def test_a_class_without_images_is_told():
    with pytest.raises(DataError, match=r"none of \[1\]"):
        class_statistics(LOGITS[LABELS != 1], LABELS[LABELS != 1])
