"""Votes of replicates: known answers, and blocks that change nothing."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.defenses.voting import VOTES, replicate_logits

LOGITS = tf.constant([[[2.0, 0, -1], [0, 1, 0], [4, 1, 0]]])


def test_golden_mean_logits():
    np.testing.assert_allclose(VOTES["logits"](LOGITS), [[2, 2 / 3, -1 / 3]], rtol=1e-6)


def test_mean_probabilities():
    values = np.exp(LOGITS.numpy())
    expected = (values / values.sum(-1, keepdims=True)).mean(1)
    np.testing.assert_allclose(VOTES["probabilities"](LOGITS), expected, rtol=1e-6)


def test_votes_disagree_where_one_replicate_is_very_sure():
    logits = tf.constant([[[30.0, 0, 0], [0, 3, 0], [0, 3, 0]]])
    winners = {
        kind: int(tf.argmax(VOTES[kind](logits), -1)[0])
        for kind in ("logits", "probabilities", "classes")
    }
    assert winners == {"logits": 0, "probabilities": 1, "classes": 1}


def test_a_tied_majority_goes_to_the_more_probable_class():
    logits = tf.constant([[[2.0, 0, 0], [0, 0, 9.0]], [[9.0, 0, 0], [0, 0, 2.0]]])
    np.testing.assert_array_equal(tf.argmax(VOTES["classes"](logits), -1), [2, 0])


def test_a_probability_never_outweighs_a_vote():
    sure, unsure = [50.0, 0, 0], [0.0, 1e-3, 0]
    logits = tf.constant([[sure, sure, unsure, unsure, unsure]])
    assert int(tf.argmax(VOTES["classes"](logits), -1)[0]) == 1


@pytest.mark.parametrize("most_at_once", [1, 6, 7, 100])
def test_blocks_change_nothing(most_at_once):
    def classify(images, seed):
        assert len(images) <= max(most_at_once, 3)
        noise = keyed_noise.normal(seed, tf.TensorShape([4]))
        return noise + tf.reduce_sum(images, [1, 2, 3])[:, None]

    images = tf.random.stateless_normal([3, 2, 2, 1], [1, 1])
    seed = keyed_noise.fold_in(tf.constant([0, 5]), tf.range(3))
    logits = replicate_logits(classify, images, seed, 7, most_at_once=most_at_once)
    assert logits.shape == (3, 7, 4)
    for image in range(3):
        for number in range(7):
            key = keyed_noise.fold_in(seed[image], number)
            expected = keyed_noise.normal(key[None], tf.TensorShape([4]))[0]
            np.testing.assert_allclose(
                logits[image, number],
                expected + tf.reduce_sum(images[image]),
                rtol=1e-5,
                atol=1e-6,
            )
