"""Kernels divided by their largest singular value, and gradients that know of it."""

import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ebm_tf.models.blocks import ConvMeanPool
from ebm_tf.models.sngan_discriminator import SpectralNorm, iterated, singular_value

SEED = tf.constant([21, 22])
IMAGES = tf.random.stateless_normal([2, 4, 4, 3], SEED)
LAYERS = {
    "conv": lambda: layers.Conv2D(5, 3, padding="same", name="conv"),
    "pointwise": lambda: layers.Conv2D(5, 1, name="pointwise"),
    "pooling": lambda: ConvMeanPool(5, name="pooling"),
    "dense": lambda: layers.Dense(2, name="dense"),
}


def largest_singular_value(kernel) -> float:
    matrix = np.reshape(kernel, [-1, kernel.shape[-1]])
    return np.linalg.svd(matrix, compute_uv=False)[0]


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_after_many_updates_the_largest_singular_value_is_one(make):
    layer, plain = SpectralNorm(make()), make()
    for _ in range(200):
        outputs = layer(IMAGES, training=True)
    kernel, bias = layer.layer.kernel.numpy(), tf.ones([layer.layer.bias.shape[0]])
    plain.build(IMAGES.shape)
    plain.set_weights([kernel / largest_singular_value(kernel), bias])
    layer.layer.bias.assign(bias)
    outputs = layer(IMAGES, training=False)
    np.testing.assert_allclose(outputs, plain(IMAGES), rtol=1e-4, atol=1e-5)
    assert largest_singular_value(plain.kernel.numpy()) == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_array_equal(layer.layer.kernel, kernel)


def test_one_update_is_one_step_of_power_iteration():
    layer = SpectralNorm(layers.Dense(4, name="dense"))
    layer.build((None, 3))
    matrix = layer.layer.kernel.numpy().astype(np.float64)
    before = layer.vector.numpy().astype(np.float64)
    layer(tf.zeros([1, 3]), training=True)
    left = matrix @ before
    expected = matrix.T @ left
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(layer.vector, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_only_training_moves_the_vector(training):
    layer = SpectralNorm(layers.Dense(4, name="dense"))
    layer.build((None, 3))
    before = layer.vector.numpy()
    layer(tf.ones([1, 3]), training=training)
    assert np.array_equal(layer.vector, before) != training


def test_the_mode_changes_the_vector_and_nothing_else():
    layer = SpectralNorm(layers.Conv2D(5, 3, name="conv"))
    trained = layer(IMAGES, training=True)
    np.testing.assert_array_equal(layer(IMAGES, training=False), trained)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_gradients_are_orthogonal_to_the_kernel(make):
    """The output does not change with the kernel's scale, so neither does a loss."""
    layer = SpectralNorm(make())
    layer.build(IMAGES.shape)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(layer(IMAGES, training=True)))
    kernel = layer.layer.kernel
    gradient = tape.gradient(loss, [kernel])[0]
    size = tf.norm(gradient) * tf.norm(kernel)
    assert float(size) > 0.1
    inner = tf.reduce_sum(gradient * tf.convert_to_tensor(kernel))
    assert abs(float(inner)) < 1e-5 * float(size)


def test_the_gradient_of_the_singular_value_is_the_product_of_its_vectors():
    matrix = tf.random.stateless_normal([6, 4], SEED)
    vector = tf.ones([4])
    for _ in range(300):
        vector = iterated(matrix, vector)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        value = singular_value(matrix, vector)
    lefts, values, rights = np.linalg.svd(matrix.numpy().astype(np.float64))
    assert float(value) == pytest.approx(values[0], rel=1e-5)
    expected = np.outer(lefts[:, 0], rights[0])
    np.testing.assert_allclose(tape.gradient(value, matrix), expected, atol=1e-4)


def test_a_kernel_of_zeros_gives_zeros():
    layer = SpectralNorm(
        layers.Dense(4, name="dense", kernel_initializer="zeros", use_bias=False)
    )
    np.testing.assert_array_equal(
        layer(tf.ones([2, 3]), training=True), np.zeros([2, 4])
    )


def test_half_precision_divides_in_float32():
    half = SpectralNorm(layers.Dense(4, name="dense", dtype="mixed_bfloat16"))
    outputs = half(tf.ones([2, 3]), training=True)
    assert outputs.dtype == tf.bfloat16
    assert half.vector.dtype == half.layer.kernel.dtype == "float32"
    assert np.linalg.norm(half.vector.numpy()) == pytest.approx(1.0, rel=1e-6)


def test_xla_compiles_an_update():
    layer = SpectralNorm(layers.Dense(4, name="dense"))
    layer.build((None, 3))
    twin = SpectralNorm(layers.Dense(4, name="dense"))
    twin.build((None, 3))
    twin.set_weights(layer.get_weights())
    compiled = tf.function(
        lambda x: layer(x, training=True), autograph=False, jit_compile=True
    )
    inputs = tf.random.stateless_normal([2, 3], SEED)
    np.testing.assert_allclose(compiled(inputs), twin(inputs, training=True), rtol=1e-5)
    np.testing.assert_allclose(layer.vector, twin.vector, rtol=1e-5, atol=1e-6)


def test_replicas_keep_one_vector(two_replicas):
    with two_replicas.scope():
        layer = SpectralNorm(layers.Dense(4, name="dense"))
        layer.build((None, 3))
    matrix, vector = (
        tf.convert_to_tensor(v) for v in (layer.layer.kernel, layer.vector)
    )

    @tf.function(autograph=False)
    def run():
        return two_replicas.run(lambda: layer(tf.ones([1, 3]), training=True))

    for _ in range(3):
        run()
        vector = iterated(matrix, vector)
    values = two_replicas.experimental_local_results(layer.vector.value)
    assert len(values) == 2
    for value in values:
        np.testing.assert_allclose(value, vector, rtol=1e-6, atol=1e-7)
