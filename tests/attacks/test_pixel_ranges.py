"""A radius is of pixels as they are stored, whatever range a network wants of them."""

import typing

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks.apgd import apgd
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.attacks.purified_gradients import averaged_cross_entropy, bpda
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.defense import Purification, PurifiedPgd
from ebm_tf.evaluation.purified_attacks import Climb, PgdOnPurified
from tests.evaluation.purified import ascents_of, evaluator_of, measurement

NUM, BALL = 6, Ball(epsilon=8.0)
STORED = np.random.default_rng(0).integers(0, 256, [NUM, 4, 4, 1], dtype=np.uint8)
IMAGES = pixels.from_bytes(tf.constant(STORED))
WEIGHTS = tf.random.stateless_normal([16, 3], [1, 2])


def network_of(pixel_range):
    """A linear network that takes images in a range of its own."""

    def classifier(images):
        low, high = pixels.BOUNDS[pixel_range]
        seen = pixels.to_range(images, pixel_range)
        flat = tf.reshape(seen - 0.5 * (low + high), [-1, 16])
        return tf.matmul(flat, WEIGHTS) / pixels.range_width(pixel_range)

    return classifier


def by_pgd(classifier, labels):
    attack = pgd_attack(classifier, Pgd(num_steps=10, step_size=2.0), BALL)
    return attack(IMAGES, labels, radii(), tf.constant([3, 4])).images


def by_apgd(classifier, labels):
    attack = apgd(
        classifier, BALL, loss="cross_entropy", num_steps=10, stops_at_error=False
    )
    return attack(IMAGES, labels, radii(), tf.constant([3, 4])).images


def by_purified(classifier, labels):
    attack = PurifiedPgd(num_steps=10, num_replicates=1, stops_at_error=False)
    config = measurement(
        ball=BALL, attack=attack, defense=Purification(num_steps=1, num_replicates=1)
    )
    estimator = bpda(classifier, lambda images, seed: images)
    climb = Climb("bpda", ascents_of(estimator, averaged_cross_entropy, "logits", 1))
    evaluator = evaluator_of(config, lambda images, seed: classifier(images))
    attacker = PgdOnPurified(evaluator, [climb], attack)
    record = attacker.run(IMAGES.numpy(), labels.numpy(), np.arange(NUM))
    return record.last_images


def radii():
    return tf.fill([NUM], pixels.from_255ths(BALL.epsilon))


@pytest.mark.parametrize("pixel_range", typing.get_args(pixels.PixelRange))
@pytest.mark.parametrize("attacked_by", [by_pgd, by_apgd, by_purified])
def test_no_stored_pixel_moves_by_more_than_8_and_some_by_8(pixel_range, attacked_by):
    classifier = network_of(pixel_range)
    labels = tf.argmax(classifier(IMAGES), 1)
    attacked = np.asarray(attacked_by(classifier, labels))
    moved = np.abs(pixels.to_range(attacked, "0..255") - STORED.astype(np.float32))
    assert moved.max() == pytest.approx(8.0, abs=1e-3)
    stored = pixels.to_bytes(attacked).astype(int)
    assert np.abs(stored - STORED).max() == 8


@pytest.mark.parametrize("pixel_range", typing.get_args(pixels.PixelRange))
def test_networks_of_all_ranges_are_one_to_an_attack(pixel_range):
    labels = tf.argmax(network_of("-1..1")(IMAGES), 1)
    expected = by_pgd(network_of("-1..1"), labels)
    found = by_pgd(network_of(pixel_range), labels)
    np.testing.assert_allclose(found, expected, atol=1e-6)
