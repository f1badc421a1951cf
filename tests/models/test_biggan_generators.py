import math

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError
from ebm_tf.models import biggan_generators, latents
from tests.runs import without_values
from tests.slow import slow

SEED = tf.constant([17, 18])


def trainable(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def total_with_vectors(model):
    """All weights and the vectors u of spectral normalisation, as published."""
    return model.count_params() + sum(
        weight.shape[-1]
        for weight in model.weights
        if weight.name == "kernel" and "class_embedding" not in weight.path
    )


def conditional(image_size, **settings):
    return biggan_generators.conditional_generator(
        image_size, width=4, latent_size=6, **settings
    )


def draw(n):
    return latents.truncated_normal_with_class(6)(n, SEED)


@pytest.mark.parametrize(
    ("image_size", "parameters", "total"),
    [
        (128, 50_388_353, 52_596_929),
        (256, 55_880_577, 58_465_921),
        (512, 56_163_649, 58_796_033),
    ],
)
def test_published_conditional_generators(image_size, parameters, total):
    with without_values():
        model = biggan_generators.conditional_generator(image_size)
    assert trainable(model) == parameters
    assert total_with_vectors(model) == total


@pytest.mark.parametrize(
    ("image_size", "parameters", "total"),
    [(64, 35_604_417, 35_696_961), (128, 35_556_225, 35_649_729)],
)
def test_published_unconditional_generators(image_size, parameters, total):
    with without_values():
        model = biggan_generators.generator(image_size)
    assert trainable(model) == parameters
    assert total_with_vectors(model) == total


@pytest.mark.parametrize("image_size", [64, 224, *map(slow, (128, 256, 512))])
def test_every_conditional_size_is_finite(image_size):
    images = conditional(image_size)(draw(1))
    assert images.shape == (1, image_size, image_size, 3)
    assert np.abs(images).max() <= 1.0


@pytest.mark.parametrize("image_size", [64, slow(128)])
def test_every_unconditional_size_is_finite(image_size):
    model = biggan_generators.generator(image_size, width=4, latent_size=6)
    images = model(latents.truncated_normal(6)(2, SEED), training=True)
    assert images.shape == (2, image_size, image_size, 3)
    assert np.abs(images).max() <= 1.0


@pytest.mark.slow
def test_derived_sizes_are_resized_native_images():
    small, native = conditional(64), conditional(128)
    native.set_weights(small.get_weights())
    expected = tf.image.resize(native(draw(2)), [64, 64])
    np.testing.assert_allclose(small(draw(2)), expected, atol=1e-5)
    middle, native = conditional(224), conditional(256)
    native.set_weights(middle.get_weights())
    expected = tf.image.resize(native(draw(1)), [224, 224])
    np.testing.assert_allclose(middle(draw(1)), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_class_is_its_own(dtype):
    model = conditional(64, dtype=dtype)
    embedding = model.get_layer("class_embedding")
    embed = type(model)(model.inputs, embedding.output)
    classes = tf.constant([0, 257, 998, 999])
    embedded = embed(latents.with_classes(draw(4)[:, :6], classes))
    expected = tf.cast(tf.gather(embedding.kernel, classes), embedded.dtype)
    np.testing.assert_array_equal(
        tf.cast(embedded, tf.float32), tf.cast(expected, tf.float32)
    )


def test_the_class_and_the_rest_of_a_latent_change_the_image():
    model = conditional(64)
    vectors = draw(2)[:, :6]
    one = model(latents.with_classes(vectors, tf.constant([3, 3])))
    other = model(latents.with_classes(vectors, tf.constant([3, 4])))
    np.testing.assert_allclose(one[0], other[0], atol=1e-6)
    assert not np.allclose(one[1], other[1], atol=1e-4)
    assert not np.allclose(one[0], one[1], atol=1e-4)


def test_fresh_statistics_do_not_depend_on_truncation_but_stored_ones_do():
    full, half = conditional(64), conditional(64, truncation=0.5)
    half.set_weights(full.get_weights())
    np.testing.assert_array_equal(full(draw(1)), half(draw(1)))
    for model in (full, half):
        norm = model.get_layer("final_bn")
        norm.means.assign(tf.linspace([0.0] * 4, [1.0] * 4, 51))
    assert not np.allclose(full(draw(1)), half(draw(1)), atol=1e-3)


def test_only_three_of_the_last_filters_matter():
    model = conditional(64)
    before = model(draw(1))
    last = model.get_layer("final_conv")
    keep = tf.constant([1.0, 1.0, 1.0, 0.0])
    last.kernel.assign(last.kernel * keep)
    assert last.kernel.shape == (3, 3, 4, 4)
    np.testing.assert_array_equal(model(draw(1)), before)


@pytest.mark.slow
def test_weights_survive_a_file(tmp_path):
    first, second = conditional(64), conditional(64)
    assert not np.array_equal(first(draw(1)), second(draw(1)))
    first.save_weights(tmp_path / "x.weights.h5")
    second.load_weights(tmp_path / "x.weights.h5")
    np.testing.assert_array_equal(first(draw(1)), second(draw(1)))


def test_bfloat16_images_are_float32_and_close():
    exact, rounded = conditional(64), conditional(64, dtype="bfloat16")
    rounded.set_weights(exact.get_weights())
    images = rounded(draw(2))
    assert images.dtype == tf.float32
    assert tf.reduce_mean(tf.abs(images - exact(draw(2)))) < 0.05


def test_unsupported_networks_are_told():
    with pytest.raises(ConfigError, match="^Expected image_size=32 to be one of 64,"):
        conditional(32)
    with pytest.raises(ConfigError, match="^Expected image_size=224 to be one of 64,"):
        biggan_generators.generator(224)
    with pytest.raises(ConfigError, match="^Expected channels=1 to be 3 for the"):
        conditional(64, channels=1)
    with pytest.raises(ConfigError, match="^Expected truncation=2 in"):
        conditional(64, truncation=2)
