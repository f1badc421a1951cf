"""The nearest error: exact distances of linear classifiers, limits of pixels."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.attacks import carlini_wagner as module
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.losses import margin
from ebm_tf.config.attacks import Ball, CarliniWagner
from ebm_tf.kernels import Kernel
from tests.attacks.linear_classifiers import (
    SEED,
    draw_images,
    least_distances,
    linear,
    linear_case,
    predicted,
)

L2 = Ball(norm="l2", epsilon=127.5)
SETTINGS = CarliniWagner(num_steps=300, num_constants=6, initial_constant=0.1)
FEW = CarliniWagner(
    num_steps=60, num_constants=4, initial_constant=0.1, learning_rate=0.03
)


def run(classifier, settings, images, labels, epsilon=1e9, ball=L2, jit=False):
    attack = tf.function(
        carlini_wagner(classifier, settings, ball), autograph=False, jit_compile=jit
    )
    return attack(images, labels, tf.fill(images.shape[:1], epsilon), SEED)


def distance(first, second):
    return np.sqrt(np.square(first - second).sum((1, 2, 3)))


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_distance_to_the_boundary_of_a_linear_classifier(num_classes):
    classifier, weights, bias, images, labels = linear_case(num_classes, 6, most=0.3)
    attacked = run(classifier, SETTINGS, images, labels)
    exact = least_distances(weights, bias, images, labels, "l2")
    found = attacked.info["distance"].numpy()
    assert np.all(found > exact - 1e-5)
    np.testing.assert_allclose(found, exact, rtol=0.01, atol=1e-3)
    assert np.all(attacked.broken)
    assert np.all(predicted(classifier, attacked.images) != labels)
    np.testing.assert_allclose(distance(attacked.images, images), found, rtol=1e-5)
    assert np.abs(attacked.images).max() <= 1.0


def test_images_that_leave_the_range_find_the_boundary_too():
    classifier, weights, bias = linear(2)
    images = 3.0 * draw_images(6)
    labels = predicted(classifier, images)
    ball = Ball(norm="l2", in_range=False)
    settings = CarliniWagner(
        num_steps=300, num_constants=6, initial_constant=0.1, learning_rate=0.02
    )
    attacked = run(classifier, settings, images, labels, ball=ball)
    exact = least_distances(weights, bias, images, labels, "l2")
    np.testing.assert_allclose(attacked.info["distance"], exact, rtol=0.02, atol=1e-2)
    assert np.abs(attacked.images).max() > 1.0


def test_every_image_has_its_own_constant():
    """Two images of one batch need factors that differ a thousandfold."""

    def classifier(images):
        slopes = tf.constant([0.02, 20.0])
        height = slopes * (tf.reduce_mean(images, [1, 2, 3]) - 0.2)
        return tf.stack([tf.zeros_like(height), height], 1)

    images, labels = tf.zeros([2, 4, 4, 1]), tf.zeros([2], tf.int64)
    settings = CarliniWagner(num_steps=200, num_constants=9)
    found = run(classifier, settings, images, labels).info["distance"]
    np.testing.assert_allclose(found, [0.8, 0.8], rtol=0.02)  # 0.2 in 16 pixels


@pytest.mark.parametrize(("factor", "enough"), [(0.6, False), (1.6, True)])
def test_a_constant_means_what_it_means_in_the_paper(factor, enough):
    """On a line, |x' - x|^2 / 4 - c w (x' - x) carries x' as far as 2 c w."""
    classifier, weights, bias, images, labels = linear_case(2, 1, most=0.3)
    nearest = least_distances(weights, bias, images, labels, "l2")[0]
    smallest = nearest / (2.0 * np.linalg.norm(weights[1] - weights[0]))
    settings = CarliniWagner(
        num_steps=400, num_constants=1, initial_constant=float(factor * smallest)
    )
    found = run(classifier, settings, images, labels).info["distance"]
    assert np.isfinite(found) == enough


def test_constants_rise_tenfold_until_one_is_enough_and_are_halved_then(monkeypatch):
    tried = []

    def descent(aim, constant):
        """Succeeds above 0.3 and 0.002, and never."""
        tried.append(constant.numpy())
        begin = real(aim, constant).init

        def step(state, seed):
            least = tf.constant([0.3, 0.002, np.inf])
            return state._replace(succeeded=constant > least), ()

        return Kernel(begin, step)

    real = module._descent
    monkeypatch.setattr(module, "_descent", descent)
    settings = CarliniWagner(
        num_steps=1, num_constants=5, initial_constant=0.1, num_targets=0
    )
    attack = carlini_wagner(lambda images: images[:, 0, :2, 0], settings, L2)
    images, labels = tf.zeros([3, 4, 4, 1]), tf.zeros([3], tf.int64)
    attack(images, labels, tf.ones([3]), SEED)
    np.testing.assert_allclose(
        np.transpose(tried),
        [
            [0.1, 1.0, 0.55, 0.325, 0.2125],
            [0.1, 0.05, 0.025, 0.0125, 0.00625],
            [0.1, 1.0, 10.0, 100.0, 1000.0],
        ],
        rtol=1e-6,
    )


@pytest.mark.parametrize(("num_targets", "found"), [(0, 0.6), (1, 0.6), (2, 0.2)])
def test_the_class_that_is_next_is_not_always_the_nearest(num_targets, found):
    """Class 1 comes next, but rises slowly; class 2 rises steeply on the other side."""

    def classifier(images):
        pixel = images[:, 0, 0, 0]
        slow, steep = 0.25 * tf.nn.relu(pixel) - 0.15, 5.0 * tf.nn.relu(-pixel) - 1.0
        # So slowly that at the beginning it is the way that the search is sent.
        return tf.stack([0 * pixel, slow + 0.02 * pixel - 0.012, steep], 1)

    images, labels = tf.zeros([1, 2, 2, 1]), tf.zeros([1], tf.int64)
    # A relu has no slope at 0; the image is a bit to the right of it.
    images += 0.001
    settings = CarliniWagner(
        num_steps=300, num_constants=6, initial_constant=0.1, num_targets=num_targets
    )
    nearest = run(classifier, settings, images, labels).info["distance"]
    np.testing.assert_allclose(nearest, [found], rtol=0.02)


def test_gradients_that_are_no_numbers_do_not_stop_other_pixels():
    def classifier(images):
        """The root has no derivative where images are 0 or below."""
        height = tf.reduce_mean(tf.sqrt(tf.nn.relu(images)), [1, 2, 3]) - 0.2
        return tf.stack([height, -height], 1)

    images = tf.concat([tf.fill([2, 4, 2, 1], -0.5), tf.fill([2, 4, 2, 1], 0.5)], 2)
    attacked = run(classifier, SETTINGS, images, tf.zeros([2], tf.int64))
    # The mean root must fall to 0.2: each of 8 positive pixels to 0.16.
    exact = [0.34 * np.sqrt(8)] * 2
    np.testing.assert_allclose(attacked.info["distance"], exact, rtol=0.01)
    np.testing.assert_allclose(attacked.images[:, :, :2], images[:, :, :2], atol=1e-5)


def test_images_beside_the_boundary_are_not_thrown_across_it_for_good():
    """Adam's first step, 0.01 in each of 64 pixels, is longer than their distance."""
    rng = np.random.default_rng(0)
    # Few pixels matter much, so that steps of one length in all go astray.
    normal = (rng.normal(size=64) * rng.exponential(size=64) ** 2).astype(np.float32)
    exact = np.linspace(0.005, 0.05, 8, dtype=np.float32)
    unit = normal / np.linalg.norm(normal)
    images = -exact[:, None] * unit / np.linalg.norm(unit)

    def classifier(images):
        height = tf.linalg.matvec(tf.reshape(images, [-1, 64]), normal)
        return tf.stack([-height, height], 1)

    settings = CarliniWagner(num_steps=200)
    images = tf.reshape(tf.constant(images), [8, 8, 8, 1])
    attacked = run(classifier, settings, images, tf.zeros([8], tf.int64))
    np.testing.assert_allclose(attacked.info["distance"], exact, rtol=0.03)


def test_confidence_moves_further():
    classifier, weights, bias, images, labels = linear_case(2, 4, most=0.3)
    settings = CarliniWagner(
        num_steps=300, num_constants=6, initial_constant=0.1, confidence=1.5
    )
    attacked = run(classifier, settings, images, labels)
    more = 1.5 / np.linalg.norm(weights[0] - weights[1])
    exact = least_distances(weights, bias, images, labels, "l2") + more
    np.testing.assert_allclose(attacked.info["distance"], exact, rtol=0.01)
    assert np.all(margin(classifier(attacked.images), labels) > 1.5)


def test_pixels_at_their_bounds_can_move():
    """All pixels begin at 1 or -1, and must reach half of their value."""

    def classifier(images):
        size = tf.reduce_mean(tf.abs(images), [1, 2, 3]) - 0.5
        return 20.0 * tf.stack([size, -size], 1)

    signs = tf.sign(draw_images(3))
    attacked = run(
        classifier,
        CarliniWagner(
            num_steps=400, num_constants=5, initial_constant=1.0, learning_rate=0.03
        ),
        signs,
        tf.zeros([3], tf.int64),
    )
    assert np.all(np.isfinite(attacked.images))
    np.testing.assert_allclose(attacked.info["distance"], [2.0] * 3, rtol=0.05)


def test_other_logits_that_are_all_negative():
    """The nearest error is found though no other logit is ever above 0."""

    def classifier(images):
        own = tf.reduce_sum(images, [1, 2, 3]) - 6.0
        other = tf.zeros_like(own) - 8.0
        return tf.stack([own, other, other], 1)

    images, labels = tf.zeros([2, 4, 4, 1]), tf.zeros([2], tf.int64)
    found = run(classifier, SETTINGS, images, labels).info["distance"]
    np.testing.assert_allclose(found, [0.5, 0.5], rtol=0.01)  # 2 / |(1, ..., 1)|


def test_an_image_is_broken_where_the_nearest_error_is_in_the_ball():
    classifier, _, _ = linear()
    images = draw_images(12, most=0.5)
    labels = predicted(classifier, images)
    found = run(classifier, FEW, images, labels).info["distance"].numpy()
    epsilon = float(np.median(found))
    attacked = run(classifier, FEW, images, labels, epsilon)
    np.testing.assert_array_equal(attacked.info["distance"], found)
    np.testing.assert_array_equal(attacked.broken, found <= epsilon)
    assert 3 < np.sum(attacked.broken) < 9
    whole = ~attacked.broken.numpy()
    np.testing.assert_array_equal(attacked.images[whole], images[whole])
    assert np.all(distance(attacked.images, images) <= epsilon + 1e-6)
    wrong = predicted(classifier, attacked.images) != labels
    np.testing.assert_array_equal(attacked.broken, wrong)


def test_the_ball_of_another_norm_is_minded():
    classifier, _, _ = linear()
    images = draw_images(12, most=0.5)
    labels = predicted(classifier, images)
    linf = Ball(norm="linf")
    largest = np.abs(run(classifier, FEW, images, labels).images.numpy() - images).max(
        (1, 2, 3)
    )
    epsilon = float(np.median(largest))
    attacked = run(classifier, FEW, images, labels, epsilon, linf)
    np.testing.assert_array_equal(attacked.broken, largest <= epsilon)


def test_no_error_is_an_infinite_distance():
    images, labels = draw_images(2), tf.zeros([2], tf.int64)

    def classifier(images):
        flat = 0.0 * tf.reduce_mean(images, [1, 2, 3])
        return tf.stack([flat + 1.0, flat], 1)

    attacked = run(classifier, FEW, images, labels)
    np.testing.assert_array_equal(attacked.info["distance"], [np.inf, np.inf])
    assert not np.any(attacked.broken)
    np.testing.assert_array_equal(attacked.images, images)


def test_an_image_that_is_wrong_already_is_its_own_nearest_error():
    classifier, _, _ = linear()
    images = draw_images(4)
    labels = (predicted(classifier, images) + tf.constant([0, 1, 0, 2], tf.int64)) % 3
    attacked = run(classifier, FEW, images, labels, epsilon=0.0)
    np.testing.assert_array_equal(attacked.info["distance"][1::2], [0.0, 0.0])
    assert np.all(attacked.info["distance"][::2] > 0)
    np.testing.assert_array_equal(attacked.broken, [False, True, False, True])
    np.testing.assert_array_equal(attacked.images, images)


def test_compiled_by_xla_and_traced_once():
    classifier, _, _ = linear()
    images = draw_images(3, most=0.5)
    labels = predicted(classifier, images)
    plain = run(classifier, FEW, images, labels)
    compiled = run(classifier, FEW, images, labels, jit=True)
    np.testing.assert_allclose(
        compiled.info["distance"], plain.info["distance"], rtol=1e-2
    )
    attack = tf.function(carlini_wagner(classifier, FEW, L2), autograph=False)
    for shift, epsilon in ((0, 0.3), (1, 5.0)):
        attack(images, (labels + shift) % 3, tf.fill([3], epsilon), SEED)
    assert attack.experimental_get_tracing_count() == 1
