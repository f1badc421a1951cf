"""The ensemble: its order, its common words, and that it is as strong as its parts."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.auto_attack import auto_attack, random_attacks
from ebm_tf.attacks.gradients import plain, random_gradient
from ebm_tf.attacks.losses import cross_entropy
from ebm_tf.config.attacks import AutoAttack, Ball
from tests.attacks.attack_laws import INFO, assert_sound, draw_colours, network
from tests.attacks.linear_classifiers import (
    draw_images,
    least_distances,
    linear,
    linear_case,
    predicted,
)
from tests.slow import first_fast

SEED = tf.constant([2, 2])
SMALL = AutoAttack(num_steps=5, num_targets=2, num_queries=20, num_eot_samples=3)
RAND = dataclasses.replace(SMALL, version="rand")


def test_the_published_order():
    classifier = network()
    standard = auto_attack(classifier, AutoAttack(), Ball())
    assert list(standard) == ["apgd_ce", "apgd_t", "fab_t", "square"]
    rand = auto_attack(classifier, AutoAttack(version="rand"), Ball())
    assert list(rand) == ["apgd_ce", "apgd_dlr"]
    assert AutoAttack().attacks == tuple(standard)
    assert AutoAttack(version="rand").attacks == tuple(rand)


@pytest.mark.parametrize("norm", first_fast("linf", "l2"))
@pytest.mark.parametrize("settings", first_fast(SMALL, RAND), ids=["standard", "rand"])
def test_all_attacks_are_sound_on_one_batch(norm, settings):
    classifier, images = network(), draw_colours(6)
    labels = predicted(classifier, images)
    epsilon = tf.fill([6], 0.02 if norm == "linf" else 0.15)
    attacks = auto_attack(classifier, settings, Ball(norm=norm))
    for attack in attacks.values():
        attacked = tf.function(attack, autograph=False)(images, labels, epsilon, SEED)
        assert set(INFO) <= set(attacked.info)
        assert_sound(classifier, norm, images, labels, epsilon, attacked)


@pytest.mark.parametrize("num_classes", [2, 3])
@pytest.mark.parametrize("settings", [SMALL, RAND], ids=["standard", "rand"])
def test_few_classes_are_attacked_to_their_nearest_boundary(settings, num_classes):
    """Of linear classifiers it is known; Square is no match for it."""
    case = linear_case(num_classes, 8, most=0.3)
    distances = least_distances(*case[1:], "linf")
    radii = np.sort(distances)[3:5].mean()  # which half of the images exceed
    attacks = auto_attack(case.classifier, settings, Ball())
    assert set(attacks) >= {"apgd_ce"} and radii < 0.7
    for name, attack in attacks.items():
        if name == "square":
            continue
        attacked = attack(case.images, case.labels, tf.fill([8], radii), SEED)
        np.testing.assert_array_equal(attacked.broken, distances < radii, name)


@pytest.mark.parametrize("name", first_fast("apgd_t", "fab_t"))
def test_targets_come_in_the_order_of_their_logits(name):
    """One class alone can be reached: it takes as many targets as it has a rank."""
    images, labels = tf.zeros([2, 4, 4, 1]), tf.zeros([2], tf.int64)
    epsilon, order = tf.constant([0.5, 0.4]), [3, 1, 4, 2]  # 0.45 is needed
    for rank, reached in enumerate(order, start=1):
        logits = np.zeros(5, np.float32)
        logits[order] = [-1.0, -2.0, -3.0, -4.0]
        slopes = np.zeros(5, np.float32)
        slopes[reached] = rank / 0.45

        def classifier(images, logits=logits, slopes=slopes):
            return logits + slopes * tf.reduce_mean(images, [1, 2, 3])[:, None]

        for num_targets in {max(rank - 1, 1), rank}:
            settings = dataclasses.replace(SMALL, num_targets=num_targets, num_steps=4)
            attack = auto_attack(classifier, settings, Ball())[name]
            attacked = attack(images, labels, epsilon, SEED)
            expected = [num_targets >= rank, False]
            np.testing.assert_array_equal(attacked.broken, expected)


def test_what_broke_is_returned_at_once():
    num_calls = tf.Variable(0)
    inner, _, _ = linear(5)

    def classifier(images):
        num_calls.assign_add(1)
        return inner(images)

    images = draw_images(4)
    labels = (predicted(inner, images) + 1) % 5
    attacks = auto_attack(classifier, AutoAttack(num_queries=5000), Ball())
    for attack in attacks.values():
        num_calls.assign(0)
        attacked = attack(images, labels, tf.ones([4]), SEED)
        assert int(num_calls) <= 2  # the natural images, and one more evaluation
        assert np.all(attacked.broken)
        np.testing.assert_array_equal(attacked.images, images)
        np.testing.assert_array_equal(attacked.info["num_queries"], 1)


def test_other_images_of_a_batch_do_not_matter():
    """To FAB, which draws nothing."""
    classifier, _, _ = linear(4, key=6)
    images = draw_images(8, most=0.4)
    labels = predicted(classifier, images)
    fab = auto_attack(classifier, SMALL, Ball())["fab_t"]
    epsilon = tf.fill([8], 0.05)
    whole = fab(images, labels, epsilon, SEED)
    half = fab(images[:4], labels[:4], epsilon[:4], SEED)
    np.testing.assert_array_equal(whole.images[:4], half.images)
    np.testing.assert_array_equal(
        whole.info["num_queries"][:4], half.info["num_queries"]
    )


def test_means_over_noise():
    classifier, _, _ = linear(3)
    labels = tf.constant([0, 1, 2], tf.int64)

    def noisy(images, seed):
        return classifier(images + tf.random.stateless_normal(images.shape, seed))

    def loss(logits):
        return cross_entropy(logits, labels)

    images, draws = draw_images(3), []
    mean = random_gradient(noisy, loss, 4)(images, SEED)
    for index in range(4):
        key = tf.random.fold_in(SEED, index)
        drawn = plain(lambda images, key=key: noisy(images, key), loss)
        draws.append(drawn(images, key))
    assert np.ptp([draw.loss[0] for draw in draws]) > 0.1
    for name in ("gradient", "loss", "logits"):
        expected = np.mean([getattr(draw, name) for draw in draws], 0)
        np.testing.assert_allclose(getattr(mean, name), expected, rtol=1e-5, atol=1e-6)


def test_random_attacks_draw_by_their_key():
    classifier, _, _ = linear(4, key=2)

    def noisy(images, seed):
        noise = tf.random.stateless_normal(images.shape, seed)
        return classifier(images + 0.3 * noise)

    images = draw_images(5)
    labels = predicted(classifier, images)
    attacks = random_attacks(noisy, RAND, Ball())
    epsilon = tf.fill([5], 0.03)
    for attack in attacks.values():
        first, again = (attack(images, labels, epsilon, SEED) for _ in range(2))
        tf.nest.map_structure(np.testing.assert_array_equal, first, again)
        other = attack(images, labels, epsilon, SEED + 1)
        assert np.any(first.images != other.images)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("settings", [SMALL, RAND], ids=["standard", "rand"])
def test_xla_compiles_all_attacks(norm, settings):
    """A key for each row, as programs have them; XLA's normal numbers of one differ."""
    classifier, _, _ = linear(5, key=2)
    keys = keyed_noise.fold_in(SEED, tf.range(6))
    images = draw_images(6)
    labels = predicted(classifier, images)
    epsilon = tf.fill([6], 0.1 if norm == "linf" else 0.4)
    for attack in auto_attack(classifier, settings, Ball(norm=norm)).values():
        compiled = tf.function(attack, autograph=False, jit_compile=True)
        attacked = compiled(images, labels, epsilon, keys)
        assert_sound(classifier, norm, images, labels, epsilon, attacked)
        uncompiled = attack(images, labels, epsilon, keys)
        np.testing.assert_array_equal(attacked.broken, uncompiled.broken)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_published_budgets_agree_on_a_small_network(norm):
    """Four attacks of different kinds break nearly the same images."""
    classifier, images = network(key=7), draw_colours(40, key=7)
    labels = predicted(classifier, images)
    epsilon = tf.fill([40], 0.012 if norm == "linf" else 0.08)
    attacks = auto_attack(classifier, AutoAttack(num_queries=2000), Ball(norm=norm))
    broken = {}
    for name, attack in attacks.items():
        attacked = tf.function(attack, autograph=False)(images, labels, epsilon, SEED)
        assert_sound(classifier, norm, images, labels, epsilon, attacked)
        broken[name] = int(np.sum(attacked.broken))
    assert 5 < broken["apgd_t"] < 40
    assert abs(broken["fab_t"] - broken["apgd_t"]) <= 2
    assert abs(broken["apgd_ce"] - broken["apgd_t"]) <= 3
    assert broken["square"] <= broken["apgd_t"]
