"""A scale and an offset for each class, statistics of the whole batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.models import latents, sngan
from ebm_tf.models.blocks import layer_kit
from ebm_tf.models.conditional_norm import conditional_batch_norm

SEED = tf.constant([25, 26])
EPSILON = 1e-3
IMAGES = 3.0 * tf.random.stateless_normal([6, 2, 2, 4], SEED) + 1.0
CLASSES = tf.constant([0, 2, 2, 1, 0, 2])


def conditional() -> keras.Model:
    images, classes = keras.Input((2, 2, 4)), keras.Input((3,))
    norm = conditional_batch_norm(classes, EPSILON, layer_kit("float32"))
    return keras.Model([images, classes], norm(images, "bn"))


def test_images_are_normalised_by_the_batch_and_changed_by_their_class():
    model, one_hot = conditional(), tf.one_hot(CLASSES, 3)
    values = IMAGES.numpy().astype(np.float64)
    normal = (values - values.mean((0, 1, 2))) / np.sqrt(
        values.var((0, 1, 2)) + EPSILON
    )
    np.testing.assert_allclose(
        model([IMAGES, one_hot], training=True), normal, atol=1e-5
    )
    scales, offsets = (tf.random.stateless_normal([3, 4], SEED + key) for key in (1, 2))
    layer = model.get_layer("bn_classes")
    layer.scales.assign(scales)
    layer.offsets.assign(offsets)
    expected = (
        normal * scales.numpy()[CLASSES][:, None, None]
        + offsets.numpy()[CLASSES][:, None, None]
    )
    np.testing.assert_allclose(
        model([IMAGES, one_hot], training=True), expected, atol=1e-5
    )


def test_gradients_are_those_of_the_classes_that_are_there():
    model, one_hot = conditional(), tf.one_hot([0, 2, 2, 0, 0, 2], 3)
    layer = model.get_layer("bn_classes")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model([IMAGES, one_hot], training=True))
    gradient = tape.gradient(loss, [layer.offsets])[0]
    assert isinstance(gradient, tf.Tensor)
    # Three images of class 0 and as many of class 2, each of four pixels.
    np.testing.assert_allclose(gradient, [[12.0] * 4, [0.0] * 4, [12.0] * 4])


def test_a_generator_whose_classes_are_alike_is_the_one_without():
    plain = sngan.generator(8, 1, width=4, latent_size=5)
    model = sngan.generator(8, 1, width=4, latent_size=5, num_classes=3)
    assert model.input_shape == (None, 6)
    for name in ("latent_dense", "block2_conv_1", "block2_conv_2", "final_conv"):
        model.get_layer(name).set_weights(plain.get_layer(name).get_weights())
    shortcut = plain.get_layer("block2_shortcut").get_weights()
    model.get_layer("block2_shortcut").set_weights(shortcut)
    vectors = tf.random.stateless_normal([6, 5], SEED)
    inputs = latents.with_classes(vectors, CLASSES)
    for training in (True, False):
        np.testing.assert_allclose(
            model(inputs, training=training),
            plain(vectors, training=training),
            atol=1e-5,
        )


def test_classes_of_a_generator_differ_only_in_its_blocks():
    model = sngan.generator(8, 1, width=4, latent_size=5, num_classes=3)
    plain = sngan.generator(8, 1, width=4, latent_size=5)
    # Two normalisations of four channels: a scale and an offset for each of 3 classes.
    assert model.count_params() - plain.count_params() == 2 * 4 * 2 * (3 - 1)
    layer = model.get_layer("block2_bn_2_classes")
    layer.offsets.assign(tf.one_hot([1], 3, axis=0) * tf.ones([1, 4]))
    vectors = tf.random.stateless_normal([2, 5], SEED)
    by_class = [
        model(latents.with_classes(vectors, tf.fill([2], k)), training=False).numpy()
        for k in range(3)
    ]
    np.testing.assert_array_equal(by_class[0], by_class[2])
    assert np.abs(by_class[0] - by_class[1]).max() > 1e-3


def test_latents_carry_uniform_classes():
    drawn = latents.standard_normal(6, num_classes=4)(4000, SEED)
    assert drawn.shape == (4000, 7)
    counts = np.bincount(latents.classes_of(drawn), minlength=4)
    assert counts.size == 4 and counts.min() > 900
    assert drawn[:, :-1].numpy().std() == pytest.approx(1.0, abs=0.02)
    classes = tf.constant([0, 3, 999])
    joined = latents.with_classes(tf.zeros([3, 2]), classes)
    np.testing.assert_array_equal(latents.classes_of(joined), classes)
