"""Attacks by APGD: exact worst cases, laws, strength, targets, randomness."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks import losses
from ebm_tf.attacks.apgd import apgd, apgd_random, apgd_targeted
from ebm_tf.attacks.balls import ball
from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.pgd import perturb
from ebm_tf.config.attacks import Ball
from tests.attacks.attack_laws import (
    assert_lawful,
    assert_sound,
    draw_colours,
    network,
    worst_margin,
)
from tests.attacks.linear_classifiers import (
    draw_images,
    least_distances,
    linear,
    linear_case,
    predicted,
)
from tests.slow import first_fast

SEED = tf.constant([4, 7])
NORMS = ["linf", "l2"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("loss", ["cross_entropy", "margin", "dlr"])
def test_the_laws_of_an_attack(norm, loss):
    assert_lawful(
        lambda classifier: apgd(classifier, Ball(norm=norm), loss=loss, num_steps=12),
        norm,
    )


@pytest.mark.parametrize("norm", first_fast(*NORMS))
def test_the_laws_of_a_targeted_attack(norm):
    assert_lawful(
        lambda classifier: apgd_targeted(
            classifier, Ball(norm=norm), num_steps=8, num_targets=3
        ),
        norm,
    )


@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_classifier_breaks_just_where_it_can(norm):
    classifier, weights, bias, images, labels = linear_case(2, 8, most=0.4)
    factors = np.array([0.98, 1.02] * 4, np.float32)
    exact = least_distances(weights, bias, images, labels, norm)
    epsilon = tf.constant(exact * factors, tf.float32)
    attack = apgd(classifier, Ball(norm=norm), loss="margin", num_steps=60)
    attacked = attack(images, labels, epsilon, SEED)
    np.testing.assert_array_equal(attacked.broken, factors > 1)
    assert_sound(classifier, norm, images, labels, epsilon, attacked)
    flat = np.reshape(attacked.images, [8, -1])
    reached = flat @ (weights[1] - weights[0]) + bias[1] - bias[0]
    reached = np.where(labels == 0, reached, -reached)
    worst = worst_margin(weights, bias, images, labels, epsilon, norm)
    stands = factors < 1
    np.testing.assert_allclose(reached[stands], worst[stands], atol=2e-3)


@pytest.mark.parametrize("is_targeted", [False, True])
def test_what_goes_on_after_an_error_breaks_as_much(is_targeted):
    classifier, images = network(), draw_colours(8)
    labels = predicted(classifier, images)
    labels = tf.concat([(labels[:2] + 1) % 5, labels[2:]], 0)
    epsilon, how, ends = tf.linspace(0.0, 0.15, 8), {"num_steps": 8}, {}
    for stops in (True, False):
        if is_targeted:
            attack = apgd_targeted(
                classifier, Ball(), num_targets=2, stops_at_error=stops, **how
            )
        else:
            attack = apgd(
                classifier, Ball(), loss="margin", stops_at_error=stops, **how
            )
        ends[stops] = attacked = attack(images, labels, epsilon, SEED)
        assert_sound(classifier, "linf", images, labels, epsilon, attacked)
    np.testing.assert_array_equal(ends[True].broken, ends[False].broken)
    first, last = (
        losses.margin(classifier(ends[stops].images), labels).numpy()
        for stops in (True, False)
    )
    fooled = np.asarray(ends[True].broken) & (np.arange(8) > 1)
    assert 3 <= fooled.sum() < 6
    assert np.all(last[fooled] != first[fooled])
    if not is_targeted:  # else another loss was raised than the margin
        assert np.all(last[fooled] > first[fooled])
    np.testing.assert_array_equal(last[:2], first[:2])


@pytest.mark.parametrize("norm", NORMS)
def test_it_starts_at_the_surface_of_the_ball(norm):
    """As published: what is looked at after the natural image is epsilon away."""
    inner, _, _, images, labels = linear_case(4, 6, most=0.3)
    looked_at = []

    def classifier(images):
        looked_at.append(images)
        return inner(images)

    around = ball(norm, tf.linspace(0.01, 0.5, 6))
    attack = apgd(classifier, Ball(norm=norm), loss="cross_entropy", num_steps=1)
    attack(images, labels, around.epsilon, SEED)
    distances = around.distance(looked_at[1], images)
    np.testing.assert_allclose(distances, around.epsilon, rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_at_least_as_strong_as_pgd(norm):
    n, num_steps = 40, 40
    plain_network = network(key=9)
    images = draw_colours(n, key=2)
    labels = predicted(plain_network, images)
    epsilon = tf.fill([n], 0.02 if norm == "linf" else 0.12)
    region = ball(norm, epsilon)

    def loss(logits):
        return losses.cross_entropy(logits, labels)

    moved = perturb(
        plain(plain_network, loss),
        region,
        images,
        region.random_start(images, SEED),
        step=epsilon / 4,
        num_steps=num_steps,
        seed=SEED,
    )
    of_pgd = predicted(plain_network, moved) != labels
    attack = apgd(
        plain_network, Ball(norm=norm), loss="cross_entropy", num_steps=num_steps
    )
    attacked = tf.function(attack, autograph=False)(images, labels, epsilon, SEED)
    assert 0 < int(tf.reduce_sum(tf.cast(of_pgd, tf.int32))) < n
    assert np.sum(attacked.broken) >= np.sum(of_pgd) - 1
    stand = ~attacked.broken.numpy() & ~of_pgd.numpy()
    of_apgd = loss(plain_network(attacked.images)).numpy()[stand]
    higher = of_apgd >= loss(plain_network(moved)).numpy()[stand] - 1e-5
    assert np.mean(higher) > 0.7 and stand.sum() > 5


def test_targets_reach_what_the_nearest_class_does_not():
    # Class 1 comes next but cannot be reached: its logit is a constant.
    def classifier(images):
        pixel = images[:, 0, 0, 0]
        return tf.stack([1 - pixel, 0 * pixel + 0.5, pixel, pixel - 9, pixel - 9], 1)

    images, labels = tf.zeros([2, 2, 2, 1]), tf.zeros([2], tf.int64)
    epsilon = tf.constant([0.45, 0.6])
    one, two = (
        apgd_targeted(classifier, Ball(), num_steps=10, num_targets=count)
        for count in (1, 2)
    )
    assert list(two(images, labels, epsilon, SEED).broken.numpy()) == [False, True]
    # 20 gradients, 2 starts and the natural image; the broken one needed fewer.
    queries = two(images, labels, epsilon, SEED).info["num_queries"].numpy()
    assert queries[0] == 23 and queries[1] < 23
    assert one(images, labels, epsilon, SEED).info["num_queries"][0] == 12


def test_targets_are_no_more_than_there_are_classes():
    classifier, _, _ = linear(4)
    attack = apgd_targeted(classifier, Ball(), num_steps=3, num_targets=9)
    images = draw_images(2)
    labels = predicted(classifier, images)
    attacked = attack(images, labels, tf.zeros([2]), SEED)
    np.testing.assert_array_equal(attacked.info["num_queries"], 1 + 3 * 4)


def test_zero_gradients_are_reported():
    classifier, _, _ = linear(3)

    def rounded(images):
        return tf.round(classifier(images))

    images = draw_images(6)
    labels = predicted(rounded, images)
    attack = apgd(rounded, Ball(), loss="dlr", num_steps=5)
    attacked = attack(images, labels, tf.fill([6], 1e-3), SEED)
    np.testing.assert_array_equal(
        attacked.info["zero_gradient"].numpy()[~attacked.broken.numpy()], 1.0
    )


def test_a_loss_that_still_rises_is_reported():
    """In a ball that is too large for its steps nothing has converged."""
    classifier, _, _ = linear(4, key=3)
    images = draw_images(6, most=0.2)
    labels = predicted(classifier, images)
    epsilon = tf.fill([6], 1e-3)
    rises = {
        num_steps: apgd(
            classifier, Ball(norm="l2"), loss="cross_entropy", num_steps=num_steps
        )(images, labels, epsilon, SEED).info["loss_last_rise"]
        for num_steps in (1, 60)
    }
    assert np.mean(rises[1]) > 100 * np.mean(rises[60])


def noisy(scale):
    """A linear classifier of images with normal noise."""
    classifier, weights, bias = linear(4, key=8)

    def random_classifier(images, seed):
        noise = tf.random.stateless_normal(images.shape, seed)
        return classifier(images + scale * noise)

    return classifier, random_classifier


def test_without_noise_the_mean_attack_is_the_plain_one():
    classifier, random_classifier = noisy(0.0)
    images = draw_images(12, key=1)
    labels = predicted(classifier, images)
    epsilon = tf.fill([12], 0.02)
    attack = apgd_random(
        random_classifier, Ball(), loss="cross_entropy", num_steps=10, num_samples=3
    )
    attacked = attack(images, labels, epsilon, SEED)
    assert_sound(classifier, "linf", images, labels, epsilon, attacked)
    one = apgd(classifier, Ball(), loss="cross_entropy", num_steps=10)
    other = one(images, labels, epsilon, SEED)
    assert 0 < np.sum(attacked.broken) < 12
    np.testing.assert_array_equal(attacked.broken, other.broken)
    np.testing.assert_array_equal(attacked.info["num_queries"], 3 * 12)


def test_a_chance_error_breaks_nothing():
    classifier, random_classifier = noisy(0.5)
    images = draw_images(30, key=1)
    labels = predicted(classifier, images)
    attack = apgd_random(
        random_classifier, Ball(), loss="cross_entropy", num_steps=2, num_samples=60
    )
    attacked = attack(images, labels, tf.zeros([30]), SEED)
    single = predicted(lambda i: random_classifier(i, SEED), images) != labels
    assert np.sum(single) > 3
    assert np.sum(attacked.broken) < np.sum(single)
