"""What every attack must keep, and small networks to attack."""

import keras
import numpy as np
import tensorflow as tf

from tests.attacks.linear_classifiers import predicted

INFO = ("loss_last_rise", "zero_gradient", "num_queries")


def network(num_classes=5, size=8, key=0):
    """A smooth convolutional network of random weights, from images [n, s, s, 2]."""
    model = keras.Sequential(
        [
            keras.layers.Input([size, size, 2]),
            keras.layers.Conv2D(8, 3, activation="silu"),
            keras.layers.Conv2D(8, 3, strides=2, activation="silu"),
            keras.layers.Flatten(),
            keras.layers.Dense(num_classes),
        ]
    )
    rng = np.random.default_rng(key)
    deviations = (0.4, 0.0, 0.2, 0.0, 0.5, 0.0)
    for variable, deviation in zip(model.weights, deviations, strict=True):
        variable.assign(deviation * rng.normal(size=variable.shape))
    return lambda images: model(images, training=False)


def draw_colours(n, key=0, size=8):
    """Uniform images [n, s, s, 2], some of whose pixels are at the bounds."""
    draws = tf.random.stateless_uniform([n, size, size, 2], [5, key], -1.3, 1.3)
    return tf.clip_by_value(draws, -1.0, 1.0)


def assert_sound(classifier, norm, images, labels, epsilon, attacked):
    """Ball, box, verdicts and diagnostics, judged by another evaluation."""
    arrays = (attacked.images, images, epsilon)
    moved, natural, epsilon = (np.asarray(a, np.float64) for a in arrays)
    assert np.abs(moved).max() <= 1.0
    difference = (moved - natural).reshape(len(moved), -1)
    distance = np.linalg.norm(difference, np.inf if norm == "linf" else 2, axis=1)
    assert np.all(distance <= epsilon * (1 + 1e-5) + 1e-6)
    wrong = predicted(classifier, attacked.images).numpy() != labels.numpy()
    np.testing.assert_array_equal(attacked.broken, wrong)
    for name in INFO:
        values = attacked.info[name]
        assert values.dtype == tf.float32 and values.shape == labels.shape
        assert np.all(np.isfinite(values)) and np.all(values >= 0)
    at_first = predicted(classifier, images).numpy() != labels.numpy()
    np.testing.assert_array_equal(moved[at_first], natural[at_first])
    np.testing.assert_array_equal(attacked.info["num_queries"].numpy()[at_first], 1)


def assert_lawful(build, norm, *, draws=True):
    """Soundness, epsilon = 0, determinism, keys, batches and traces of an attack.

    Args:
      build: classifier -> AttackFn.
      norm: of its ball.
      draws: whether another key gives other images; else neighbours change nothing.
    """
    num_traces = 0
    plain = network()

    def classifier(images):
        return plain(images)

    attack = build(classifier)

    def counted(*arguments):
        nonlocal num_traces
        num_traces += 1
        return attack(*arguments)

    compiled = tf.function(counted, autograph=False)
    images = draw_colours(10)
    labels = predicted(classifier, images)
    some_wrong = tf.concat([(labels[:2] + 1) % 5, labels[2:]], 0)
    radii = tf.linspace(0.0, 0.06 if norm == "linf" else 0.8, 10)
    seed = tf.constant([1, 2])
    first = compiled(images, some_wrong, radii, seed)
    assert_sound(classifier, norm, images, some_wrong, radii, first)
    assert 3 <= int(tf.reduce_sum(tf.cast(first.broken, tf.int32))) < 10
    still = compiled(images, labels, tf.zeros(10), seed)
    np.testing.assert_array_equal(still.images, images)
    assert not np.any(still.broken)
    assert num_traces == 1
    again = compiled(images, some_wrong, radii, seed)
    tf.nest.map_structure(np.testing.assert_array_equal, first, again)
    if draws:
        other = compiled(images, some_wrong, radii, seed + 1)
        assert np.any(other.images[2:] != first.images[2:])
    else:
        part = compiled(images[3:7], some_wrong[3:7], radii[3:7], seed)
        np.testing.assert_allclose(part.images, first.images[3:7], atol=1e-5)
        np.testing.assert_array_equal(part.broken, first.broken[3:7])


def worst_margin(weights, bias, images, labels, epsilon, norm):
    """The largest margin of two linear logits, where the box is out of reach."""
    normal = weights[1] - weights[0]
    signs = np.where(np.asarray(labels) == 0, 1.0, -1.0)
    flat = np.reshape(images, [len(signs), -1])
    natural = signs * (flat @ normal + bias[1] - bias[0])
    dual = np.abs(normal).sum() if norm == "linf" else np.linalg.norm(normal)
    return natural + np.asarray(epsilon) * dual
