import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import sngan_discriminator
from ebm_tf.models.sngan_discriminator import SpectralNorm
from tests.slow import slow

SEED = tf.constant([23, 24])


def images(n: int, size: int, channels: int = 3) -> tf.Tensor:
    return tf.random.stateless_normal([n, size, size, channels], SEED)


def num_trained(model) -> int:
    return sum(math.prod(v.shape) for v in model.trainable_variables)


def conv(inputs: int, outputs: int, side: int = 3) -> int:
    return (side**2 * inputs + 1) * outputs


def expected_count(channels: int, widths: list[int], num_pools: int) -> int:
    """From the paper's blocks: inside they are as wide as their inputs."""
    first = widths[0]
    count = conv(channels, first) + conv(first, first) + conv(channels, first, 1)
    for index, (before, after) in enumerate(zip(widths, widths[1:], strict=False), 1):
        count += conv(before, before) + conv(before, after)
        if index < num_pools or before != after:
            count += conv(before, after, 1)
    return count + widths[-1] + 1


@pytest.mark.parametrize(
    ("size", "widths", "num_pools", "count"),
    [
        (32, [128] * 4, 2, 1_053_825),
        (64, [64, 128, 256, 512, 1024], 5, 10_141_441),
        slow(128, [64, 128, 256, 512, 1024, 1024], 5, 29_017_857),
    ],
)
def test_published_discriminators(size, widths, num_pools, count):
    model = sngan_discriminator.discriminator(size, 3)
    assert num_trained(model) == count == expected_count(3, widths, num_pools)
    plain = sngan_discriminator.discriminator(size, 3, spectral_norm=False)
    assert plain.count_params() == count


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128])
def test_every_size_builds_and_is_finite(size):
    model = sngan_discriminator.discriminator(size, 1, width=2)
    scores = model(images(2, size, 1), training=True)
    assert scores.shape == (2, 1) and np.isfinite(scores).all()


def test_every_kernel_is_normalised():
    model = sngan_discriminator.discriminator(8, 1, width=4, num_classes=3)
    wrapped = [layer for layer in model.layers if isinstance(layer, SpectralNorm)]
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    assert len(wrapped) == len(kernels) > 5
    for kernel in kernels:
        kernel.assign(7.0 * tf.convert_to_tensor(kernel))
    inputs = [images(2, 8, 1), tf.constant([0, 2])]
    many = model(inputs, training=False)
    for kernel in kernels:
        kernel.assign(tf.convert_to_tensor(kernel) / 70.0)
    np.testing.assert_allclose(model(inputs, training=False), many, rtol=1e-3)


def test_kernels_do_not_begin_alike():
    model = sngan_discriminator.discriminator(32, 1, width=4)
    kernels = [model.get_layer(f"block{k}_conv_1").layer.kernel for k in (3, 4)]
    assert not np.array_equal(*kernels)
    # Uniform with a variance of 2 / mean of fans, for a rectifier.
    wide = sngan_discriminator.discriminator(8, 1, width=40).get_layer("block3_conv_1")
    fan = 9 * 80
    bound = math.sqrt(3 * 2 / fan)
    assert bound * 0.99 < np.abs(wide.layer.kernel).max() <= bound


def test_the_end_is_a_biased_sum_over_pixels():
    """With all kernels 0 and all biases 1 every branch of a block is 1."""
    model = sngan_discriminator.discriminator(32, 3, width=5, spectral_norm=False)
    for variable in model.variables:
        is_kernel = variable.name == "kernel" and "score" not in variable.path
        variable.assign(0.0 * variable if is_kernel else tf.ones(variable.shape))
    # The pooling blocks add two branches, each flat one a branch to its input: 4 at
    # the end, in 5 channels of 8x8 pixels.
    np.testing.assert_allclose(model(images(2, 32)), [[64 * 5 * 4.0 + 1.0]] * 2)


def test_a_class_adds_the_product_of_its_vector_and_the_features():
    model = sngan_discriminator.discriminator(
        8, 1, width=3, num_classes=4, spectral_norm=False
    )
    shown = images(4, 8, 1)
    classes = tf.constant([3, 0, 3, 1])
    embedding = model.get_layer("class_embedding").kernel
    embedding.assign(tf.zeros(embedding.shape))
    plain = model([shown, classes]).numpy()
    weight = tf.squeeze(model.get_layer("score").kernel)
    features_scored = plain - model.get_layer("score").bias.numpy()
    # The vector of class 3 is twice that of the score, the others stay 0.
    embedding.assign(tf.one_hot(tf.fill([1], 3), 4, axis=0) * 2.0 * weight)
    scores = model([shown, classes]).numpy()
    expected = plain + 2.0 * features_scored * [[1], [0], [1], [0]]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


def test_half_precision_is_near():
    kinds = [
        sngan_discriminator.discriminator(16, 3, width=4, dtype=dtype)
        for dtype in ("float32", "bfloat16")
    ]
    kinds[1].set_weights(kinds[0].get_weights())
    one, half = (model(images(3, 16)) for model in kinds)
    assert half.dtype == tf.float32
    np.testing.assert_allclose(half, one, rtol=0.1, atol=0.1)


def test_other_sizes_are_refused():
    with pytest.raises(ConfigError, match="image_size=30 .* sngan discriminator"):
        sngan_discriminator.discriminator(30, 3)
