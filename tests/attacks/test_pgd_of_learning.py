"""Ascent to learn from: its starts, the published loop, nothing for weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks import losses
from ebm_tf.attacks.balls import ball
from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.pgd import perturb, pgd_to_the_end, starts
from ebm_tf.config.attacks import Ball, Pgd
from tests.attacks.linear_classifiers import SEED, SHAPE, crooked, draw_images


def test_starts():
    images = tf.zeros([500, *SHAPE])
    region = ball("linf", tf.fill([500], 0.1))
    normal = starts("normal", region, images, SEED)
    assert float(tf.math.reduce_std(normal)) == pytest.approx(0.002, rel=0.05)
    uniform = starts("uniform", region, images, SEED)
    np.testing.assert_array_equal(uniform, region.random_start(images, SEED))
    np.testing.assert_array_equal(starts("natural", region, images, SEED), images)
    # What learning starts from is not projected: it leaves the box at its bounds.
    assert np.max(starts("normal", region, images + 1.0, SEED)) > 1.0


def test_perturbing_is_the_loop_of_the_paper():
    """TRADES' inner loop in NumPy: a start outside the box, one clip at each step."""
    classifier = crooked()
    images = tf.clip_by_value(draw_images(4, most=1.5), -1.0, 1.0)
    epsilon, step = pixels.from_255ths(8.0), pixels.from_255ths(2.0)
    region = ball("linf", tf.fill([4], epsilon))
    begun = starts("normal", region, images, SEED)
    loss = losses.attack_loss("kl", classifier, images, tf.zeros([4], tf.int64))
    perturbed = perturb(
        plain(classifier, loss), region, images, begun, step=step, num_steps=5,
        seed=SEED,
    )  # fmt: skip
    natural, x = tf.nn.softmax(classifier(images)), begun.numpy()
    for _ in range(5):
        with tf.GradientTape() as tape:
            tape.watch(at := tf.constant(x))
            logs = tf.math.log(tf.nn.softmax(classifier(at)))
            divergence = tf.reduce_sum(natural * (tf.math.log(natural) - logs))
        x = x + step * np.sign(tape.gradient(divergence, at))
        x = np.clip(np.clip(x, images - epsilon, images + epsilon), -1, 1)
    np.testing.assert_allclose(perturbed, x, atol=1e-6)


def test_weights_get_no_gradient_and_images_of_learning_are_constants():
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    # Away from the ends of the range, which hold pixels back.
    images, labels = 0.5 * draw_images(3), tf.constant([0, 1, 2])
    region = ball("linf", tf.fill([3], 0.1))
    before = [variable.numpy() for variable in model.variables]

    def classifier(images):
        return model(images, training=False)

    ascent = plain(classifier, lambda logits: losses.cross_entropy(logits, labels))
    with tf.GradientTape() as tape:
        perturbed = perturb(
            ascent, region, images, images, step=0.05, num_steps=2, seed=SEED
        )
        loss = tf.reduce_sum(perturbed)
    assert np.all(perturbed != images)
    weights = [variable.value for variable in model.trainable_variables]
    assert tape.gradient(loss, weights) == [None, None]
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


@pytest.mark.parametrize("start", ["uniform", "normal", "natural"])
def test_an_attack_to_the_end_is_the_ascent_of_learning(start):
    """Step and radius go together, and verdicts are those of its last images."""
    classifier, images = crooked(), draw_images(6, most=0.8)
    labels = tf.argmax(classifier(images), -1)
    settings = Pgd(num_steps=4, step_size=3.0, start=start)
    radii = tf.linspace(0.0, 0.25, 6)
    found = pgd_to_the_end(classifier, settings, Ball(epsilon=6.0))(
        images, labels, radii, SEED
    )
    start_seed, seed = tf.unstack(tf.random.split(SEED, 2))
    region = ball("linf", radii)
    loss = losses.attack_loss("cross_entropy", classifier, images, labels)
    expected = perturb(
        plain(classifier, loss),
        region,
        images,
        starts(start, region, images, start_seed),
        step=0.5 * radii,
        num_steps=4,
        seed=seed,
    )
    np.testing.assert_allclose(found.images, expected, atol=1e-6)
    np.testing.assert_array_equal(found.images[0], images[0])
    wrong = tf.argmax(classifier(found.images), -1) != labels
    np.testing.assert_array_equal(found.broken, wrong)
