"""The gradient of each image's own loss, by images only."""

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.attacks.gradients import plain
from ebm_tf.attacks.losses import cross_entropy, margin
from ebm_tf.models.catalogue import in_inference
from tests.attacks.linear_classifiers import SEED, draw_images, linear


def test_gradient_and_loss_of_a_linear_classifier():
    classifier, weights, bias = linear(2)
    images, labels = draw_images(5), tf.constant([0, 1, 0, 0, 1])
    ascent = plain(classifier, lambda logits: margin(logits, labels))
    seen = ascent(images, SEED)
    signs = np.where(labels == 0, 1.0, -1.0)[:, None]
    flat = np.reshape(images, [5, 16])
    np.testing.assert_allclose(seen.logits, flat @ weights.T + bias, rtol=1e-4)
    np.testing.assert_allclose(
        np.reshape(seen.gradient, [5, 16]), signs * (weights[1] - weights[0]), rtol=1e-5
    )
    differences = flat @ (weights[1] - weights[0]) + bias[1] - bias[0]
    np.testing.assert_allclose(seen.loss, signs[:, 0] * differences, rtol=1e-4)


def test_a_gradient_agrees_with_differences():
    classifier, _, _ = linear(4)
    labels = tf.constant([1, 3])
    ascent = plain(
        lambda images: classifier(tf.sin(3.0 * images)),
        lambda logits: cross_entropy(logits, labels),
    )
    images, direction = draw_images(2), draw_images(2, key=9)
    ahead, behind = (ascent(images + d * direction, SEED).loss for d in (0.01, -0.01))
    slope = tf.reduce_sum(ascent(images, SEED).gradient * direction, [1, 2, 3])
    np.testing.assert_allclose((ahead - behind) / 0.02, slope, rtol=2e-2)


def test_an_image_does_not_depend_on_its_batch():
    classifier, _, _ = linear()
    images, labels = draw_images(4), tf.constant([0, 1, 2, 0])
    whole = plain(classifier, lambda logits: cross_entropy(logits, labels))
    alone = plain(classifier, lambda logits: cross_entropy(logits, labels[2:3]))
    np.testing.assert_allclose(
        alone(images[2:3], SEED).gradient, whole(images, SEED).gradient[2:3], rtol=1e-5
    )


def test_logits_and_gradients_are_float32_whatever_the_network_computes():
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, dtype="mixed_bfloat16")]
    model = keras.Sequential([keras.Input([4, 4, 1]), *layers])
    assert model(draw_images(2)).dtype == tf.bfloat16
    ascent = plain(
        in_inference(model), lambda logits: cross_entropy(logits, tf.constant([0, 1]))
    )
    seen = ascent(draw_images(2), SEED)
    assert {tensor.dtype for tensor in seen} == {tf.float32}
    assert np.abs(seen.gradient).max() > 0


def test_a_classifier_without_gradients_gives_zeros():
    classifier, _, _ = linear()
    ascent = plain(
        lambda images: classifier(tf.round(images)),
        lambda logits: cross_entropy(logits, tf.constant([0, 1])),
    )
    seen = ascent(draw_images(2), SEED)
    np.testing.assert_array_equal(seen.gradient, np.zeros([2, 4, 4, 1]))


def test_weights_are_not_watched(monkeypatch):
    model = keras.Sequential(
        [keras.Input([4, 4, 1]), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    tapes = []

    class Kept(tf.GradientTape):
        def __init__(self, **options):
            super().__init__(**options)
            tapes.append(self)

    monkeypatch.setattr(tf, "GradientTape", Kept)
    labels = tf.constant([0])
    ascent = plain(
        lambda images: model(images, training=False),
        lambda logits: cross_entropy(logits, labels),
    )
    assert np.abs(ascent(draw_images(1), SEED).gradient).max() > 0
    assert len(tapes) == 1 and tapes[0].watched_variables() == ()
