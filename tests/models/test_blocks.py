import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ebm_tf.errors import ConfigError
from ebm_tf.models.blocks import ConvMeanPool, layer_kit, layout_for

SEED = tf.constant([3, 4])
IMAGES = tf.random.stateless_normal([2, 8, 6, 5], SEED)
KERNEL = tf.random.stateless_normal([3, 3, 5, 7], SEED + 1)
BIAS = tf.random.stateless_normal([7], SEED + 2)
# Weighs the outputs, so that no gradient is flat.
PROBE = tf.random.stateless_normal([2, 4, 3, 7], SEED + 3)


def two_steps(images, kernel):
    outputs = tf.nn.bias_add(tf.nn.conv2d(images, kernel, 1, "SAME"), BIAS)
    return tf.nn.avg_pool2d(outputs, 2, 2, "VALID")


def folded_layer(dtype="float32"):
    layer = ConvMeanPool(7, dtype=dtype)
    layer.build(IMAGES.shape)
    layer.kernel.assign(KERNEL)
    layer.bias.assign(BIAS)
    return layer


def test_conv_mean_pool_is_convolution_then_pool():
    np.testing.assert_allclose(
        folded_layer()(IMAGES), two_steps(IMAGES, KERNEL), atol=1e-5
    )


def test_conv_mean_pool_has_the_gradients_of_convolution_then_pool():
    layer = folded_layer()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([IMAGES, KERNEL])
        folded = tf.reduce_sum(PROBE * layer(IMAGES) ** 2)
        expected = tf.reduce_sum(PROBE * two_steps(IMAGES, KERNEL) ** 2)
    for ours, theirs in ((IMAGES, IMAGES), (layer.kernel.value, KERNEL)):
        np.testing.assert_allclose(
            tape.gradient(folded, ours),
            tape.gradient(expected, theirs),
            rtol=1e-4,
            atol=1e-3,
        )


def test_conv_mean_pool_can_be_differentiated_twice():
    layer = folded_layer()

    def curvature(function):
        with tf.GradientTape() as outer:
            outer.watch(IMAGES)
            with tf.GradientTape() as inner:
                inner.watch(IMAGES)
                value = tf.reduce_sum(PROBE * tf.nn.softplus(function(IMAGES)))
            squared = tf.reduce_sum(inner.gradient(value, IMAGES) ** 2)
        return outer.gradient(squared, IMAGES)

    np.testing.assert_allclose(
        curvature(layer),
        curvature(lambda x: two_steps(x, KERNEL)),
        rtol=1e-3,
        atol=1e-3,
    )


def test_conv_mean_pool_in_bfloat16_rounds_and_no_more():
    outputs = folded_layer("mixed_bfloat16")(IMAGES)
    assert outputs.dtype == tf.bfloat16
    expected = two_steps(IMAGES, KERNEL)
    error = tf.norm(tf.cast(outputs, tf.float32) - expected) / tf.norm(expected)
    assert error < 0.01


def test_conv_mean_pool_starts_like_a_3x3_convolution():
    layer = ConvMeanPool(64)
    layer.build((None, 8, 8, 32))
    limit = np.sqrt(6 / (9 * 32 + 9 * 64))
    kernel = layer.kernel.numpy()
    assert 0.98 * limit < np.abs(kernel).max() <= limit
    assert not layer.bias.numpy().any()
    assert [weight.name for weight in layer.weights] == ["kernel", "bias"]


def test_conv_mean_pool_refuses_odd_sides():
    with pytest.raises(ValueError, match="7x8"):
        ConvMeanPool(3).build((None, 7, 8, 3))


def test_mean_pool_drops_an_odd_edge():
    assert layer_kit("float32").mean_pool(IMAGES[:, :7], "pool").shape == (2, 3, 3, 5)


def test_pointwise_convolution_and_mean_pool_commute():
    pool = layers.AveragePooling2D(2)
    pointwise = layers.Conv2D(7, 1, bias_initializer="ones")
    np.testing.assert_allclose(
        pointwise(pool(IMAGES)), pool(pointwise(IMAGES)), atol=1e-5
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_pointwise_convolution_and_upsampling_commute(interpolation):
    kit = layer_kit("float32")
    pointwise = layers.Conv2D(7, 1, bias_initializer="ones")
    np.testing.assert_allclose(
        kit.upsample(pointwise(IMAGES), "after", interpolation),
        pointwise(kit.upsample(IMAGES, "before", interpolation)),
        atol=1e-5,
    )


def test_bilinear_upsampling_has_half_pixel_centres_and_clamped_edges():
    images = tf.constant([[0.0, 1.0], [2.0, 3.0]])[tf.newaxis, :, :, tf.newaxis]
    expected = [
        [0.0, 0.25, 0.75, 1.0],
        [0.5, 0.75, 1.25, 1.5],
        [1.5, 1.75, 2.25, 2.5],
        [2.0, 2.25, 2.75, 3.0],
    ]
    upsampled = layer_kit("float32").upsample(images, "upsample", "bilinear")
    np.testing.assert_allclose(upsampled[0, :, :, 0], expected, atol=1e-6)
    row = tf.tile(
        tf.constant([0.0, 1.0, 3.0])[tf.newaxis, tf.newaxis, :, tf.newaxis],
        [1, 2, 1, 1],
    )
    upsampled = layer_kit("float32").upsample(row, "upsample", "bilinear")
    np.testing.assert_allclose(
        upsampled[0, 0, :, 0], [0.0, 0.25, 0.75, 1.5, 2.5, 3.0], atol=1e-6
    )


@pytest.mark.parametrize(("epsilon", "scale"), [(1e-3, 0.9995004), (1e-5, 0.999995)])
def test_fresh_batch_norm_scales_by_its_epsilon(epsilon, scale):
    ones = tf.ones([1, 2, 2, 3])
    outputs = layer_kit("float32").batch_norm(ones, epsilon, "bn")
    np.testing.assert_allclose(outputs, scale * ones, rtol=1e-6)


def test_unknown_choices_are_told_in_one_line():
    with pytest.raises(ConfigError, match="^Expected dtype='float16' to be one of"):
        layer_kit("float16")
    with pytest.raises(ConfigError, match="^Expected activation='rule' to be"):
        layer_kit("float32", "rule")
    with pytest.raises(ConfigError) as raised:
        layout_for({8: "a", 16: "b"}, 48, "sngan energy")
    assert str(raised.value) == (
        "Expected image_size=48 to be one of 8, 16 for the sngan energy."
    )
