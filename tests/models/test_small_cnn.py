"""The small classifier of digits: its shapes, its precision, and that it learns."""

import keras
import numpy as np
import pytest
import sklearn.datasets
import tensorflow as tf

from ebm_tf.config.optimizers import Optimizer
from ebm_tf.learning.optimization import descend, learned
from ebm_tf.models import classifiers
from tests.models.small_classifiers import count, normal


@pytest.mark.parametrize(
    ("image_size", "channels", "sides"),
    [(8, 1, [8, 4, 2, 2]), (28, 1, [28, 14, 7, 7]), (32, 3, [32, 16, 8, 8])],
)
def test_sides_are_halved_twice(image_size, channels, sides):
    model = classifiers.small_cnn(image_size, channels)
    shapes = [model.get_layer(f"layer{i}_conv").output.shape for i in (1, 2, 3, 4)]
    assert [shape[1] for shape in shapes] == sides
    assert [shape[-1] for shape in shapes] == [16, 32, 64, 64]
    assert model.layers[-1].input.shape == (None, 64)
    kernels = 9 * (16 * channels + 16 * 32 + 32 * 64 + 64 * 64)
    norms, dense = 2 * (16 + 32 + 64 + 64), 65 * 10
    assert count(model.trainable_weights) == kernels + norms + dense


@pytest.mark.parametrize(("depth", "width", "last"), [(1, 6, 6), (3, 2, 8), (6, 3, 12)])
def test_depth_and_width_reach_the_network(depth, width, last):
    model = classifiers.small_cnn(8, 1, depth=depth, width=width, num_classes=3)
    convolutions = [layer for layer in model.layers if layer.name.endswith("conv")]
    assert len(convolutions) == depth
    assert model.layers[-1].input.shape == (None, last)
    assert model.output_shape == (None, 3)


def test_the_ground_of_a_digit_is_the_zeros_around_it():
    """A black image stays without an edge: all features are the same everywhere."""
    model = classifiers.small_cnn(28, 1)
    maps = keras.Model(model.input, model.get_layer("layer4_conv").output)
    features = maps(tf.fill([1, 28, 28, 1], -1.0), training=False)
    np.testing.assert_allclose(features, tf.zeros_like(features), atol=1e-7)


def test_low_precision_keeps_float32_where_it_matters():
    model = classifiers.small_cnn(8, 1, dtype="bfloat16")
    images = normal(4, 8, 8, 1)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = model(images, training=False)
    assert logits.dtype == tape.gradient(logits, images).dtype == tf.float32
    assert model.get_layer("layer2_conv").compute_dtype == "bfloat16"


def test_it_learns_digits_in_a_few_updates():
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    images = (images.reshape([-1, 8, 8, 1]) / 8 - 1).astype(np.float32)
    keras.utils.set_random_seed(1)
    network = learned(
        Optimizer(learning_rate=1e-2, average_decay=0.0),
        lambda: classifiers.small_cnn(8, 1, width=8),
    )

    @tf.function(autograph=False)
    def update(batch, targets):
        with tf.GradientTape() as tape:
            logits = network.model(batch, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            loss = tf.reduce_mean(losses)
        descend(network, tape.gradient(loss, network.model.trainable_variables))

    order = np.random.default_rng(2)
    for _ in range(60):
        chosen = order.integers(0, 1437, 32)
        update(tf.constant(images[chosen]), tf.constant(labels[chosen]))
    logits = network.model(images[1437:], training=False).numpy()
    assert np.mean(logits.argmax(1) == labels[1437:]) > 0.7
