import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import classifiers
from tests.models.small_classifiers import count, normal, numpy_norm, unsettled

SEED = tf.constant([23, 24])


def small(image_size=8, channels=3, depth=10, width=1, dtype="float32") -> keras.Model:
    keras.utils.set_random_seed(5)
    return unsettled(
        classifiers.wide_resnet(
            image_size, channels, depth=depth, width=width, num_classes=4, dtype=dtype
        )
    )


def test_the_published_network():
    model = classifiers.wide_resnet(32, 3)
    assert count(model.trainable_weights) == 36_489_290
    assert model.count_params() == 36_507_242
    assert model.layers[-1].input.shape == (None, 640)
    sides = [
        model.get_layer(f"group{group}_block4_2_conv").output.shape[1:3]
        for group in (1, 2, 3)
    ]
    assert sides == [(32, 32), (16, 16), (8, 8)]


def numpy_conv(layer, x, stride=1):
    """A convolution with as many zeros around as keep a stride of 1 from shrinking."""
    kernel, bias = layer.get_weights()
    side = kernel.shape[0]
    edge = side // 2
    x = np.pad(x, [(0, 0), (edge, edge), (edge, edge), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def numpy_block(model, x, name, stride):
    """ReLU and normalise, convolve, again with the stride; plus the raw input."""
    names = {layer.name for layer in model.layers}
    y = np.maximum(numpy_norm(model.get_layer(f"{name}_1_bn"), x), 0)
    y = numpy_conv(model.get_layer(f"{name}_1_conv"), y)
    y = np.maximum(numpy_norm(model.get_layer(f"{name}_2_bn"), y), 0)
    y = numpy_conv(model.get_layer(f"{name}_2_conv"), y, stride)
    if f"{name}_shortcut" in names:
        return y + numpy_conv(model.get_layer(f"{name}_shortcut"), x, stride)
    return y + x


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_size", [8, 11])
@pytest.mark.parametrize("depth", [10, 16])
def test_logits_are_those_of_the_formulas(image_size, channels, depth):
    model = small(image_size, channels, depth=depth)
    images = normal(2, image_size, image_size, channels)
    x = numpy_conv(model.get_layer("stem_conv"), images.numpy().astype(np.float64))
    for group, stride in ((1, 1), (2, 2), (3, 2)):
        for block in range(1, 1 + (depth - 4) // 6):
            name = f"group{group}_block{block}"
            x = numpy_block(model, x, name, stride if block == 1 else 1)
    x = np.maximum(numpy_norm(model.get_layer("final_bn"), x), 0).mean((1, 2))
    kernel, bias = model.layers[-1].get_weights()
    logits = model(images, training=False)
    np.testing.assert_allclose(logits, x @ kernel + bias, rtol=2e-4, atol=2e-4)


def test_a_shortcut_is_a_convolution_only_where_the_shape_changes():
    assert [
        layer.name
        for layer in small(depth=16, width=2).layers
        if "shortcut" in layer.name
    ] == [f"group{group}_block1_shortcut" for group in (1, 2, 3)]
    first = [layer.name for layer in small().layers if "shortcut" in layer.name]
    assert first == ["group2_block1_shortcut", "group3_block1_shortcut"]


def test_logits_do_not_depend_on_companions_but_in_learning():
    model = small()
    images = normal(3, 8, 8, 3)
    together = model(images, training=False)
    alone = tf.concat([model(image[None], training=False) for image in images], 0)
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_statistics_keep_nine_tenths_at_an_update():
    model = small()
    norm = model.get_layer("group1_block1_1_bn")
    before = norm.moving_mean.numpy()
    images = normal(16, 8, 8, 3)
    stem = model.get_layer("stem_conv")(images)
    model(images, training=True)
    expected = 0.9 * before + 0.1 * tf.reduce_mean(stem, [0, 1, 2])
    np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-5, atol=1e-5)


def test_low_precision_keeps_float32_where_it_matters():
    model = small(dtype="bfloat16")
    images = normal(4, 8, 8, 3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = model(images, training=False)
    assert logits.dtype == tape.gradient(logits, images).dtype == tf.float32
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.get_layer("group1_block1_1_conv").compute_dtype == "bfloat16"
    exact = small()(images, training=False)
    difference = tf.norm(logits - exact) / tf.norm(exact - tf.reduce_mean(exact, 0))
    assert difference < 0.1


def test_images_that_are_too_small_and_other_dtypes_are_told():
    with pytest.raises(ConfigError) as raised:
        classifiers.wide_resnet(7, 3)
    assert str(raised.value) == "Expected image_size=7 >= 8 for wide_resnet."
    with pytest.raises(ConfigError, match="dtype='float16'"):
        classifiers.wide_resnet(8, 3, dtype="float16")


@pytest.mark.parametrize("depth", [4, 9, 27, 30])
def test_depths_that_do_not_divide_into_three_groups_are_told(depth):
    with pytest.raises(ConfigError) as raised:
        classifiers.wide_resnet(8, 3, depth=depth, width=1)
    assert str(raised.value) == (
        f"Expected depth={depth} to be one of 10, 16, 22, 28 and so on for wide_resnet."
    )
