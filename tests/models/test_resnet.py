"""ResNets against their formulas in NumPy, with PyTorch's conventions."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.networks import Standardised
from ebm_tf.errors import ConfigError
from ebm_tf.models import classifiers, resnets
from ebm_tf.models.classifier_layers import as_seen
from tests.models.small_classifiers import count, normal, numpy_norm, unsettled


def small(image_size=8, channels=3, depth=18, width=4, dtype="float32") -> keras.Model:
    keras.utils.set_random_seed(5)
    return unsettled(
        classifiers.resnet(
            image_size, channels, depth=depth, width=width, num_classes=4, dtype=dtype
        )
    )


@pytest.mark.parametrize(
    ("depth", "num_classes", "expected"),
    [(18, 10, 11_173_962), (18, 100, 11_220_132), (34, 10, 21_282_122)],
)
def test_the_published_networks(depth, num_classes, expected):
    model = classifiers.resnet(32, 3, depth=depth, num_classes=num_classes)
    assert count(model.trainable_weights) == expected
    assert model.layers[-1].input.shape == (None, 512)
    sides = [
        model.get_layer(f"stage{stage}_block2_2_conv").output.shape[1:]
        for stage in (1, 2, 3, 4)
    ]
    assert sides == [(32, 32, 64), (16, 16, 128), (8, 8, 256), (4, 4, 512)]


def test_larger_images_need_no_more_weights():
    model = classifiers.resnet(64, 3, num_classes=200)
    assert count(model.trainable_weights) == 11_173_962 + 190 * 513
    assert model.get_layer("stage4_block2_2_conv").output.shape[1:] == (8, 8, 512)


def numpy_conv_norm(model, x, name, stride=1):
    """As many zeros on all sides as keep a stride of 1 from shrinking."""
    (kernel,) = model.get_layer(f"{name}_conv").get_weights()
    side = kernel.shape[0]
    edge = side // 2
    x = np.pad(x, [(0, 0), (edge, edge), (edge, edge), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    x = np.einsum("nhwcij,ijco->nhwo", windows[:, ::stride, ::stride], kernel)
    return numpy_norm(model.get_layer(f"{name}_bn"), x)


@pytest.mark.parametrize(
    ("image_size", "channels", "depth", "blocks"),
    [(8, 3, 18, [2, 2, 2, 2]), (11, 1, 18, [2, 2, 2, 2]), (8, 3, 34, [3, 4, 6, 3])],
)
def test_logits_are_those_of_the_formulas(image_size, channels, depth, blocks):
    model = small(image_size, channels, depth=depth)
    images = tf.clip_by_value(normal(2, image_size, image_size, channels), -1, 1)
    x = (images.numpy().astype(np.float64) + 1) / 2
    x = np.maximum(numpy_conv_norm(model, x, "stem"), 0)
    for stage, num_blocks in enumerate(blocks, start=1):
        for block in range(1, num_blocks + 1):
            name = f"stage{stage}_block{block}"
            stride = 2 if stage > 1 and block == 1 else 1
            y = np.maximum(numpy_conv_norm(model, x, f"{name}_1", stride), 0)
            y = numpy_conv_norm(model, y, f"{name}_2")
            if stride == 2:
                x = numpy_conv_norm(model, x, f"{name}_shortcut", stride)
            x = np.maximum(x + y, 0)
    kernel, bias = model.layers[-1].get_weights()
    expected = x.mean((1, 2)) @ kernel + bias
    logits = model(images, training=False)
    np.testing.assert_allclose(logits, expected, rtol=2e-4, atol=2e-4)


def test_shortcuts_are_convolutions_only_where_the_shape_changes():
    names = [layer.name for layer in small().layers]
    assert [name for name in names if name.endswith("shortcut_conv")] == [
        f"stage{stage}_block1_shortcut_conv" for stage in (2, 3, 4)
    ]


def test_initial_values_are_uniform_by_fan_in():
    model = classifiers.resnet(8, 3, width=32)
    for layer in model.layers:
        if layer.name.endswith("conv") or layer.name == "logits":
            kernel = layer.kernel.numpy()
            bound = 1 / math.sqrt(math.prod(kernel.shape[:-1]))
            assert 0.98 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6)
            spread = np.std(kernel) / bound
            assert spread == pytest.approx(1 / math.sqrt(3), rel=0.05)
    bias = model.get_layer("logits").bias.numpy()
    assert 0 < np.abs(bias).max() <= 1 / 16


def test_two_layers_of_one_shape_begin_differently():
    model = classifiers.resnet(8, 3, width=4)
    first, second = (
        model.get_layer(f"stage1_block1_{i}_conv").kernel.numpy() for i in (1, 2)
    )
    assert np.abs(first - second).max() > 0.05


def test_statistics_keep_nine_tenths_at_an_update():
    model = small()
    norm = model.get_layer("stem_bn")
    before = norm.moving_mean.numpy()
    images = normal(16, 8, 8, 3)
    stem = model.get_layer("stem_conv")(images / 2 + 0.5)
    model(images, training=True)
    expected = 0.9 * before + 0.1 * tf.reduce_mean(stem, [0, 1, 2])
    np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-5, atol=1e-5)
    assert norm.synchronized and norm.epsilon == 1e-5


@pytest.mark.parametrize("side", [6, 7])
def test_no_zero_comes_in_beside_the_image(side):
    """As it would where activations can be negative."""
    pooled = resnets.MaxPool()(tf.fill([1, side, side, 2], -3.0))
    assert pooled.shape == (1, (side + 1) // 2, (side + 1) // 2, 2)
    np.testing.assert_array_equal(pooled, tf.fill(pooled.shape, -3.0))


def test_pixels_are_standardised_by_channel():
    images = tf.constant([[[[-1.0, 0.0, 1.0]]]])
    scale = Standardised(mean=(0.5, 0.25, 0.0), stddev=(0.5, 0.25, 2.0))
    pixels = as_seen(images, scale)
    np.testing.assert_allclose(pixels, [[[[-1.0, 1.0, 0.5]]]])
    halves = Standardised(mean=0.5, stddev=0.5)
    np.testing.assert_allclose(as_seen(images, halves), images)
    np.testing.assert_allclose(as_seen(images, "-1..1"), images / 2 + 0.5)
    np.testing.assert_allclose(as_seen(images, "-1..1", halves), images)
    np.testing.assert_allclose(as_seen(images, "0..255"), (images + 1) * 127.5)
    with pytest.raises(ConfigError) as raised:
        as_seen(images, Standardised(mean=(0.5, 0.5), stddev=1.0))
    assert str(raised.value) == (
        "Expected mean=(0.5, 0.5) to be one number or 3, one for each channel."
    )


def test_low_precision_keeps_float32_where_it_matters():
    model = small(dtype="bfloat16")
    images = normal(4, 8, 8, 3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = model(images, training=False)
    assert logits.dtype == tape.gradient(logits, images).dtype == tf.float32
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.get_layer("stage1_block1_1_conv").compute_dtype == "bfloat16"
    exact = small()(images, training=False)
    assert tf.norm(logits - exact) / tf.norm(exact) < 0.05


@pytest.mark.parametrize(
    ("image_size", "depth", "message"),
    [
        (7, 18, "Expected image_size=7 >= 8 for resnet."),
        (8, 20, "Expected depth=20 to be one of 18, 34, 50 for resnet."),
    ],
)
def test_networks_that_cannot_be_are_told(image_size, depth, message):
    with pytest.raises(ConfigError) as raised:
        classifiers.resnet(image_size, 3, depth=depth)
    assert str(raised.value) == message


def test_the_large_stem_needs_larger_images():
    with pytest.raises(ConfigError, match="image_size=31 >= 32 for preact_resnet"):
        classifiers.preact_resnet(31, 3, stem="imagenet")
