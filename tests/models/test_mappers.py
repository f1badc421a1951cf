"""Mappers: shapes, what they are told, and where they start."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.mapper import MapperNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models import mappers
from ebm_tf.models.catalogue import build
from tests.learning.small_networks import SEED, weights_of
from tests.runs import without_values


def inputs(size: int, channels: int, batch: int = 6) -> list[tf.Tensor]:
    images = tf.random.stateless_normal([batch, size, size, channels], SEED)
    labels = tf.range(batch, dtype=tf.int64) % 2
    return [images, labels, 1 - labels]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_differences_have_the_shape_of_images(dtype):
    for model, size, channels in [
        (mappers.unet(16, 3, width=4, depth=2, dtype=dtype), 16, 3),
        (mappers.dense(1, 20, width=8, dtype=dtype), 1, 20),
    ]:
        differences = model(inputs(size, channels), training=True)
        assert differences.shape == (6, size, size, channels)
        assert differences.dtype == tf.float32
        assert np.isfinite(differences).all() and np.std(differences) > 0


def test_the_published_sizes():
    """500, 1000, 1000, 500, told two classes; and four levels from 64 channels."""
    with without_values():
        dense = build(MapperNetwork(architecture="dense"), 1, 500, "float32")
        unet = build(MapperNetwork(), 32, 1, "float32")
    kernels = 504 * 1000 + 1000**2 + 1000 * 500
    assert dense.count_params() == kernels + 2500 + 2 * 4 * 1000
    names = {layer.name for layer in unet.layers}
    assert {"pool4", "down4_2_conv", "up0_2_conv", "last_conv"} <= names
    assert unet.get_layer("down4_2_conv").filters == 1024
    # Level 3 comes after the bottleneck, whose maps say two classes.
    up = unet.get_layer("up3_1_conv")
    assert up.kernel.shape == (3, 3, 1024 + 4, 512)


def test_differences_begin_small_and_centred():
    """Those of a U-Net are normalised: 0 in the mean, with a deviation of 0.1."""
    model = mappers.unet(8, 2, width=4, depth=1)
    differences = model(inputs(8, 2, batch=40), training=True).numpy()
    np.testing.assert_allclose(differences.mean((0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(differences.std((0, 1, 2)), 0.1, rtol=1e-3)


def test_without_scale_and_offset_nothing_moves():
    model = mappers.unet(8, 1, width=4, depth=2)
    norm = model.get_layer("differences")
    norm.gamma.assign(tf.zeros_like(norm.gamma))
    for training in (True, False):
        assert not np.any(model(inputs(8, 1), training=training))
    model = mappers.dense(1, 5, width=4)
    for variable in model.get_layer("last").variables:
        variable.assign(tf.zeros_like(variable))
    assert not np.any(model(inputs(1, 5), training=True))


@pytest.mark.parametrize("kind", ["unet", "dense"])
def test_both_classes_matter_and_images_do_not_in_inference(kind):
    """Each image is mapped by itself there, and by both of its classes."""
    keras.utils.set_random_seed(1)
    size, channels = (8, 1) if kind == "unet" else (1, 64)
    settings = MapperNetwork(architecture=kind, width=8, depth=2, num_classes=3)
    model = build(settings, size, channels, "float32")
    images, labels, wrong = inputs(size, channels)
    found = model([images, labels, wrong], training=False).numpy()
    alone = model([images[:1], labels[:1], wrong[:1]], training=False).numpy()
    np.testing.assert_allclose(found[:1], alone, atol=1e-6)
    for classes in ([labels, 0 * wrong + 2], [0 * labels + 2, wrong]):
        other = model([images, *classes], training=False).numpy()
        assert np.abs(other - found).max() > 1e-6


def test_weights_are_of_every_layer():
    model = mappers.unet(8, 1, width=2, depth=1)
    given = inputs(8, 1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(given, training=True) ** 3)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert len(weights_of(model)) == 6 * 7


@pytest.mark.parametrize(("size", "depth"), [(28, 3), (8, 4), (9, 1)])
def test_sizes_that_cannot_be_halved(size, depth):
    with pytest.raises(ConfigError, match=f"image_size={size} to be a multiple of"):
        mappers.unet(size, 1, width=2, depth=depth)
