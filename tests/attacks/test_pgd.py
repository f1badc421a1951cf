"""Projected gradient ascent: exact worst cases, laws of the best, keys, compilation."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks import losses
from ebm_tf.attacks.balls import ball
from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.pgd import better, perturb, pgd_attack, projected_ascent, step_size
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.kernels import trace
from ebm_tf.protocols import Attacked
from tests.attacks.linear_classifiers import (
    SEED,
    SHAPE,
    crooked,
    draw_images,
    linear,
    predicted,
)
from tests.slow import first_fast

LOSSES = ["cross_entropy", "margin", "dlr", "probability_margin", "kl"]
RADII = {"linf": 8.0, "l2": 127.5}


def radius(norm, n):
    return tf.fill([n], pixels.from_255ths(RADII[norm]))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("start", ["uniform", "normal", "natural"])
def test_the_worst_image_of_a_linear_classifier_is_found(norm, start):
    classifier, weights, bias = linear(2)
    images = draw_images(6, most=0.4)  # the box is out of reach of an l2 ball
    labels, epsilon = tf.constant([0, 1, 0, 1, 0, 1], tf.int64), radius(norm, 6) * 0.5
    settings = Pgd(loss="margin", num_steps=40, start=start, step_size=RADII[norm] / 2)
    attack = pgd_attack(classifier, settings, Ball(norm=norm, epsilon=RADII[norm]))
    attacked = attack(images, labels, epsilon, SEED)
    normal = weights[1] - weights[0]
    signs = np.where(labels == 0, 1.0, -1.0)
    natural = signs * (np.reshape(images, [6, 16]) @ normal + bias[1] - bias[0])
    dual = np.abs(normal).sum() if norm == "linf" else np.linalg.norm(normal)
    worst = natural + epsilon * dual
    np.testing.assert_allclose(attacked.info["loss"], worst, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(attacked.broken, worst > 0)


def test_the_worst_image_at_the_bounds_of_pixels_is_found():
    classifier, weights, bias = linear(2, key=1)
    images, labels = draw_images(8), tf.zeros([8], tf.int64)
    epsilon = tf.fill([8], 0.5)  # most pixels of the worst images are at -1 or 1
    attack = pgd_attack(classifier, Pgd(loss="margin"), Ball(epsilon=8.0))
    attacked = attack(images, labels, epsilon, SEED)
    normal = weights[1] - weights[0]
    corners = np.clip(np.reshape(images, [8, 16]) + 0.5 * np.sign(normal), -1, 1)
    assert np.mean(np.abs(corners) == 1.0) > 0.2
    worst = corners @ normal + bias[1] - bias[0]
    np.testing.assert_allclose(attacked.info["loss"], worst, rtol=1e-4, atol=1e-4)


def test_one_step_of_epsilon_is_fgsm():
    classifier, images = crooked(), draw_images(5)
    labels, epsilon = tf.constant([0, 1, 2, 3, 0], tf.int64), radius("linf", 5)
    settings = Pgd(num_steps=1, step_size=8.0, start="natural")
    attacked = pgd_attack(classifier, settings, Ball())(images, labels, epsilon, SEED)
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            labels, classifier(images)
        )
    sign = np.sign(tape.gradient(loss, images))
    stepped = np.clip(images + pixels.from_255ths(8.0) * sign, -1, 1)
    natural = losses.cross_entropy(classifier(images), labels)
    moved = np.array(attacked.info["loss"] > natural)
    assert moved.any()
    np.testing.assert_allclose(attacked.images[moved], stepped[moved], atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("loss", LOSSES)
def test_results_are_inside_the_ball_and_broken_where_they_say_so(norm, loss):
    classifier, region = crooked(), Ball(norm=norm, epsilon=RADII[norm])
    for key in range(3):
        images = tf.clip_by_value(draw_images(12, most=1.5, key=key), -1.0, 1.0)
        labels = predicted(classifier, images)
        epsilon = radius(norm, 12) * tf.constant([0.0, 1.0, 4.0, 0.1] * 3)
        start = ("uniform", "normal", "natural")[key]
        settings = Pgd(loss=loss, num_steps=3, start=start, num_restarts=2)
        attacked = pgd_attack(classifier, settings, region)(
            images, labels, epsilon, SEED + key
        )
        distance = ball(norm, epsilon).distance(attacked.images, images)
        assert np.all(distance <= epsilon + 1e-6)
        assert np.abs(attacked.images).max() <= 1.0
        np.testing.assert_array_equal(attacked.images[::4], images[::4])
        wrong = predicted(classifier, attacked.images) != labels
        np.testing.assert_array_equal(attacked.broken, wrong)
        bound = losses.attack_loss(loss, classifier, images, labels)
        np.testing.assert_allclose(
            attacked.info["loss"],
            bound(classifier(attacked.images)),
            rtol=1e-4,
            atol=1e-4,
        )


def test_a_larger_step_goes_with_a_larger_radius():
    epsilon = tf.constant([0.0, 0.1, 0.2])
    steps = step_size(Pgd(step_size=2.0), Ball(epsilon=8.0), epsilon)
    np.testing.assert_allclose(steps, [0.0, 0.025, 0.05], rtol=1e-6)


def peaked(images):
    """Three classes; the loss of class 0 is highest where all pixels are 0.1."""
    distance = tf.reduce_mean(tf.abs(images - 0.1), [1, 2, 3])
    return tf.stack([5.0 * distance, 0.0 * distance, 0.0 * distance], 1)


def test_the_best_iterate_is_kept_where_the_last_is_worse():
    images, labels = tf.zeros([2, *SHAPE]), tf.zeros([2], tf.int64)
    epsilon = tf.constant([0.9, 0.9])
    settings = Pgd(num_steps=3, step_size=2.5, start="natural")
    attack = pgd_attack(peaked, settings, Ball(epsilon=9.0))
    attacked = attack(images, labels, epsilon, SEED)
    # Steps of 0.25 lead from 0 to 0.25, 0 and 0.25: always beyond the peak.
    ascent = plain(peaked, lambda logits: losses.cross_entropy(logits, labels))
    last = perturb(
        ascent, ball("linf", epsilon), images, images, step=0.25, num_steps=3, seed=SEED
    )
    np.testing.assert_allclose(last, np.full([2, *SHAPE], 0.25))
    np.testing.assert_array_equal(attacked.images, images)
    np.testing.assert_array_equal(attacked.info["loss_last"], ascent(last, SEED).loss)
    assert np.all(attacked.info["loss"] > attacked.info["loss_last"] + 0.1)


def test_the_best_is_that_of_all_evaluated_images():
    classifier, images = crooked(), draw_images(6)
    labels, region = tf.zeros([6], tf.int64), ball("linf", tf.fill([6], 0.5))
    ascent = plain(classifier, lambda logits: losses.cross_entropy(logits, labels))
    kernel = projected_ascent(ascent, region, images, labels, step=0.3)
    state, *_, (states, _) = trace(kernel, *kernel.init(images), 8, SEED)
    evaluated = [images, *states.images[:-1]]
    wrong = np.stack([predicted(classifier, each) != 0 for each in evaluated])
    counted = np.where(wrong | ~wrong.any(0), states.loss, -np.inf)
    assert np.any(counted.argmax(0) < 7)
    np.testing.assert_allclose(state.best.info["loss"], counted.max(0))
    np.testing.assert_array_equal(state.best.broken, wrong.any(0))


def test_the_last_image_is_evaluated_too():
    classifier, _, _ = linear(2)
    images, labels = draw_images(4, most=0.5), tf.constant([0, 1, 0, 1], tf.int64)
    settings = Pgd(loss="margin", num_steps=3, step_size=2.0, start="natural")
    attack = pgd_attack(classifier, settings, Ball(epsilon=8.0))
    info = attack(images, labels, radius("linf", 4), SEED).info
    # Every step raises the margin of a linear classifier by the same amount.
    rise = (info["loss_last"] - losses.margin(classifier(images), labels)) / 3
    assert np.all(rise > 0)
    np.testing.assert_allclose(info["loss_last"] - info["loss_before_last"], rise, 1e-4)
    np.testing.assert_array_equal(info["loss"], info["loss_last"])


def attacked_with(losses_, broken):
    broken = tf.constant(broken)
    images = tf.random.stateless_uniform([len(losses_), *SHAPE], [0, len(losses_)])
    return Attacked(images, broken, {"loss": tf.constant(losses_)})


def test_an_error_beats_any_loss_and_then_the_loss_counts():
    nan = float("nan")
    best = attacked_with([1.0, 1.0, 1.0, 1.0, 1.0], [False, True, False, True, False])
    candidate = attacked_with(
        [0.5, 9.0, 2.0, 2.0, nan], [True, False, False, True] * 1 + [False]
    )
    candidate = candidate._replace(images=candidate.images + 5.0)
    chosen = better(candidate, best)
    np.testing.assert_array_equal(
        chosen.images[:, 0, 0, 0] > 2.0, [True, False, True, True, False]
    )
    np.testing.assert_array_equal(chosen.broken, [True, True, False, True, False])
    np.testing.assert_array_equal(chosen.info["loss"], [0.5, 1.0, 2.0, 2.0, 1.0])


def test_restarts_are_never_worse():
    classifier, images = crooked(), draw_images(30)
    labels, epsilon = predicted(classifier, images), radius("linf", 30)
    results = [
        pgd_attack(classifier, Pgd(num_steps=2, num_restarts=count), Ball())(
            images, labels, epsilon, SEED
        )
        for count in (1, 2, 5)
    ]
    for fewer, more in zip(results, results[1:], strict=False):
        assert np.all(np.array(more.broken) >= np.array(fewer.broken))
        same = np.array(more.broken) == np.array(fewer.broken)
        rise = np.array(more.info["loss"] - fewer.info["loss"])[same]
        assert np.all(rise >= 0) and np.any(rise > 0)


def test_zero_gradients_are_counted():
    classifier, _, _ = linear(3)

    def masked(images):
        """Has no gradient where the first pixel is negative."""
        constant = tf.stop_gradient(images)
        return classifier(tf.where(images[:, :1, :1] < 0.0, constant, images))

    first = tf.reshape(tf.constant([-0.5, 0.5, -0.5, 0.5]), [4, 1, 1, 1])
    images = tf.concat([first, draw_images(4)[:, :1, 1:]], 2)
    images = tf.concat([images, draw_images(4)[:, 1:]], 1)
    info = pgd_attack(masked, Pgd(num_steps=3), Ball())(
        images, tf.zeros([4], tf.int64), radius("linf", 4), SEED
    ).info
    np.testing.assert_array_equal(info["zero_gradient"], [1.0, 0.0, 1.0, 0.0])
    flat = pgd_attack(lambda images: classifier(tf.zeros_like(images)), Pgd(), Ball())(
        images, tf.zeros([4], tf.int64), radius("linf", 4), SEED
    )
    np.testing.assert_array_equal(flat.info["zero_gradient"], np.ones(4))


def test_gradients_that_are_no_numbers_move_nothing():
    def classifier(images):
        """The root has no derivative where images are 0 or below."""
        height = tf.reduce_mean(tf.sqrt(tf.nn.relu(images)), [1, 2, 3])
        return tf.stack([height, 1.0 - height], 1)

    images = tf.concat([tf.fill([1, *SHAPE], -0.5), tf.fill([1, *SHAPE], 0.5)], 0)
    labels, epsilon = tf.constant([1, 0], tf.int64), tf.fill([2], 0.1)
    attack = pgd_attack(classifier, Pgd(num_steps=3, start="natural"), Ball())
    attacked = attack(images, labels, epsilon, SEED)
    np.testing.assert_array_equal(attacked.images[0], images[0])
    np.testing.assert_allclose(attacked.images[1], images[1] - 0.075)
    np.testing.assert_array_equal(attacked.info["zero_gradient"], [1.0, 0.0])
    assert not np.any(attacked.broken)


def test_equal_keys_give_equal_bits_and_others_do_not():
    classifier, images = crooked(), draw_images(4)
    attack = pgd_attack(classifier, Pgd(num_steps=2), Ball())
    arguments = images, tf.zeros([4], tf.int64), radius("linf", 4)
    first, again, other = (attack(*arguments, SEED + k) for k in (0, 0, 1))
    tf.nest.map_structure(np.testing.assert_array_equal, first, again)
    assert np.all(first.info["loss_last"] != other.info["loss_last"])


def test_an_image_does_not_depend_on_its_batch():
    classifier, images = crooked(), draw_images(6)
    labels, epsilon = predicted(classifier, images), radius("l2", 6)
    region = Ball(norm="l2", epsilon=127.5)
    attack = pgd_attack(classifier, Pgd(num_steps=3, start="natural"), region)
    whole = attack(images, labels, epsilon, SEED)
    part = attack(images[2:4], labels[2:4], epsilon[2:4], SEED)
    np.testing.assert_allclose(part.images, whole.images[2:4], atol=1e-4)
    np.testing.assert_array_equal(part.broken, whole.broken[2:4])


@pytest.mark.parametrize("jit", first_fast(False, True))
def test_one_trace_for_all_radii_and_labels_and_the_same_result(jit):
    classifier, images = crooked(), draw_images(4)
    settings = Pgd(num_steps=3, start="natural", num_restarts=2)
    region = Ball(norm="l2", epsilon=127.5)
    # Without "kl", whose gradient at natural images is rounding.
    for loss in ["dlr"] if jit else ["cross_entropy", "margin", "dlr"]:
        attack = pgd_attack(
            classifier, dataclasses.replace(settings, loss=loss), region
        )
        graph = tf.function(attack, autograph=False, jit_compile=jit)
        for label, factor in ((0, 1.0), (2, 0.3)):
            labels = tf.fill([4], tf.constant(label, tf.int64))
            arguments = images, labels, factor * radius("l2", 4), SEED
            expected, result = attack(*arguments), graph(*arguments)
            np.testing.assert_array_equal(result.broken, expected.broken)
            np.testing.assert_allclose(
                result.info["loss"], expected.info["loss"], rtol=1e-3, atol=1e-4
            )
        assert graph.experimental_get_tracing_count() == 1
