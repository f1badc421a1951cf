"""What counts as an error, for every attack."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks.auto_attack import auto_attack
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.outcomes import errs, predicted
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.attacks import AutoAttack, Ball, CarliniWagner, Pgd
from tests.attacks.linear_classifiers import SEED

NAN, INF = float("nan"), float("inf")
SMALL = AutoAttack(num_steps=3, num_targets=1, num_queries=5)


def test_what_is_not_finite_is_no_prediction():
    logits = tf.constant([[1.0, 3.0], [4.0, 3.0], [NAN, NAN], [1.0, NAN], [INF, 0.0]])
    np.testing.assert_array_equal(predicted(logits), [1, 0, -1, -1, -1])
    wrong = errs(logits, tf.constant([1, 1, 0, 0, 0]))
    np.testing.assert_array_equal(wrong, [False, True, True, True, True])


def bursting(images):
    """Says class 0 up to a mean of 0.1, and nothing beyond."""
    mean = tf.reduce_mean(images, [1, 2, 3])
    mean = tf.where(mean > 0.1, NAN, mean)
    return tf.stack([1.0 - mean, mean, mean - 1.0, mean - 2.0], -1)


@pytest.mark.parametrize("name", ["pgd", "apgd_ce", "apgd_t", "fab_t", "square"])
def test_an_image_without_a_prediction_is_broken(name):
    """Of the label 0 too, which is where the largest of no numbers is found."""
    region = Ball(epsilon=127.5)
    attacks = auto_attack(bursting, SMALL, region)
    attacks["pgd"] = pgd_attack(bursting, Pgd(num_steps=3, step_size=64.0), region)
    images = tf.concat([tf.zeros([2, 4, 4, 1]), tf.fill([1, 4, 4, 1], 0.2)], 0)
    labels, epsilon = tf.zeros([3], tf.int64), tf.constant([0.9, 0.05, 0.0])
    attacked = attacks[name](images, labels, epsilon, SEED)
    np.testing.assert_array_equal(attacked.broken, [True, False, True])
    found = errs(bursting(attacked.images), labels)
    np.testing.assert_array_equal(found, attacked.broken)


def test_the_nearest_error_of_an_image_without_a_prediction_is_itself():
    attack = carlini_wagner(bursting, CarliniWagner(num_steps=2), Ball())
    images = tf.fill([1, 4, 4, 1], 0.2)
    attacked = attack(images, tf.zeros([1], tf.int64), tf.zeros([1]), SEED)
    np.testing.assert_array_equal(attacked.info["distance"], [0.0])
    np.testing.assert_array_equal(attacked.images, images)
