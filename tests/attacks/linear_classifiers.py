"""Linear classifiers, whose worst images are known, and waves of them."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

SEED = tf.constant([3, 4])
SHAPE = [4, 4, 1]


def linear(num_classes: int = 3, key: int = 0):
    """Logits W x + b; returns the classifier, W [k, 16] and b [k]."""
    rng = np.random.default_rng(key)
    weights = rng.normal(size=[num_classes, 16]).astype(np.float32)
    bias = rng.normal(size=[num_classes]).astype(np.float32)

    def classifier(images: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(images, [-1, 16])
        return tf.matmul(flat, weights, transpose_b=True) + bias

    return classifier, weights, bias


class Case(NamedTuple):
    """A linear classifier, and images with the labels that it gives them."""

    classifier: Any
    weights: np.ndarray
    bias: np.ndarray
    images: tf.Tensor
    labels: tf.Tensor


def linear_case(num_classes: int, n: int, most: float, key: int = 0) -> Case:
    classifier, weights, bias = linear(num_classes, key)
    images = draw_images(n, most)
    return Case(classifier, weights, bias, images, predicted(classifier, images))


def least_distances(weights, bias, images, labels, norm):
    """To the nearest boundary of each image's label, where no pixel is clipped."""
    labels, rows = np.asarray(labels), np.arange(len(labels))
    logits = np.reshape(images, [len(labels), -1]) @ weights.T + bias
    gaps = logits[rows, labels][:, None] - logits
    order = 1 if norm == "linf" else 2
    normals = np.linalg.norm(weights[labels][:, None] - weights[None], order, axis=2)
    normals[rows, labels] = 1.0
    distances = gaps / normals
    distances[rows, labels] = np.inf
    return distances.min(1)


def crooked(num_classes=4):
    """A classifier whose loss is not concave: waves of linear functions."""
    classifier, weights, _ = linear(num_classes, key=5)
    return lambda images: 3.0 * tf.sin(classifier(images))


def draw_images(n: int, most: float = 1.0, key: int = 0) -> tf.Tensor:
    """Uniform images [n, 4, 4, 1] in [-most, most]."""
    return tf.random.stateless_uniform([n, *SHAPE], [7, key], -most, most)


def predicted(classifier, images: tf.Tensor) -> tf.Tensor:
    return tf.argmax(classifier(images), -1)
