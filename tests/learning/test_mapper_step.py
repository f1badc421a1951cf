"""The step of a mapper and its classifier, against plain arithmetic."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.mapper import (
    classifier_update,
    make_step,
    mapper_loss,
    other_classes,
)
from ebm_tf.learning.optimization import LabelledBatch
from ebm_tf.models import mappers
from ebm_tf.objectives import root_mean_squares
from tests.learning.small_networks import SEED, descending, run_updates, weights_of

RATE, SHAPE, SIZE = 0.1, (2, 2, 1), 4


def linear_classifier() -> keras.Model:
    inputs = keras.Input(SHAPE)
    dense = keras.layers.Dense(2, kernel_initializer="random_normal")
    return keras.Model(inputs, dense(keras.layers.Flatten()(inputs)))


def constant_mapper() -> keras.Model:
    """A difference of each class to which images are mapped, whatever they are."""
    images = keras.Input(SHAPE)
    classes = [keras.Input((), dtype="int32") for _ in range(2)]
    one_hot = keras.ops.one_hot(classes[1], 2)
    dense = keras.layers.Dense(SIZE, use_bias=False, kernel_initializer="random_normal")
    differences = keras.layers.Reshape(SHAPE)(dense(one_hot))
    return keras.Model([images, *classes], differences)


def batch_of(count: int = 6) -> LabelledBatch:
    images = tf.random.stateless_normal([count, *SHAPE], SEED)
    return LabelledBatch(images, tf.range(count, dtype=tf.int64) % 2)


def softplus(values):
    return np.logaddexp(0.0, values)


def sigmoid(values):
    return 1.0 / (1.0 + np.exp(-values))


class Twin:
    """The same two networks in NumPy: d = f_1 - f_0, and gradients by hand."""

    def __init__(self, mapper, classifier):
        (self.differences,) = (w.astype(np.float64) for w in weights_of(mapper))
        kernel, bias = (w.astype(np.float64) for w in weights_of(classifier))
        self.slope, self.offset = kernel[:, 1] - kernel[:, 0], bias[1] - bias[0]

    def update_classifier(self, x, mapped, labels, weight):
        signs, losses = np.where(labels == 1, 1.0, -1.0), []
        slope, offset = np.zeros_like(self.slope), 0.0
        for images, factor in ((x, 1.0), (mapped, weight)):
            d = images @ self.slope + self.offset
            losses.append(softplus(-signs * d).mean())
            pull = factor * -signs * sigmoid(-signs * d) / len(x)
            # Each logit follows half of what d does, so that d follows twice of it.
            slope, offset = slope + 2 * pull @ images, offset + 2 * pull.sum()
        self.slope, self.offset = self.slope - RATE * slope, self.offset - RATE * offset
        return losses

    def update_mapper(self, x, labels, flip_weight, norm_weight):
        wrong = 1 - labels
        signs = np.where(wrong == 1, 1.0, -1.0)
        moves = self.differences[wrong]
        d = (x + moves) @ self.slope + self.offset
        sizes = np.sqrt((moves**2).mean(1))
        loss = flip_weight * softplus(-signs * d).mean() + norm_weight * sizes.mean()
        pull = flip_weight * (-signs * sigmoid(-signs * d))[:, None] * self.slope
        pull = (pull + norm_weight * moves / (SIZE * sizes[:, None])) / len(x)
        for label in (0, 1):
            change = pull[wrong == label].sum(0)
            self.differences[label] = self.differences[label] - RATE * change
        return loss


def test_a_step_is_that_of_the_paper():
    """The classifier moves first; the mapper's loss is that of the new classifier."""
    mapper = descending(constant_mapper, RATE)
    classifier = descending(linear_classifier, RATE)
    twin = Twin(mapper.model, classifier.model)
    batch = batch_of()
    step = make_step(
        mapper,
        classifier,
        num_classes=2,
        mapped_weight=0.4,
        flip_weight=0.3,
        norm_weight=0.5,
    )
    state, metrics, _ = step((), batch, SEED)
    x, labels = batch.images.numpy().reshape(6, -1), batch.labels.numpy()
    mapped = x + twin.differences[1 - labels]
    losses = twin.update_classifier(x, mapped, labels, 0.4)
    loss = twin.update_mapper(x, labels, 0.3, 0.5)
    assert state == ()
    assert float(metrics["data_loss"]) == pytest.approx(losses[0], rel=1e-5)
    assert float(metrics["mapped_loss"]) == pytest.approx(losses[1], rel=1e-5)
    found = 0.3 * metrics["flip_loss"] + 0.5 * metrics["difference"]
    assert float(found) == pytest.approx(loss, rel=1e-5)
    kernel, bias = weights_of(classifier.model)
    np.testing.assert_allclose(kernel[:, 1] - kernel[:, 0], twin.slope, atol=1e-6)
    np.testing.assert_allclose(bias[1] - bias[0], twin.offset, atol=1e-6)
    (differences,) = weights_of(mapper.model)
    np.testing.assert_allclose(differences, twin.differences, atol=1e-6)


def test_the_size_of_differences_has_a_slope_of_0_at_0():
    differences = tf.concat([tf.zeros([1, 4]), tf.fill([1, 4], 3.0)], 0)
    with tf.GradientTape() as tape:
        tape.watch(differences)
        sizes = root_mean_squares(differences)
    np.testing.assert_allclose(sizes, [1e-6, 3.0])
    gradient = tape.gradient(sizes, differences).numpy()
    np.testing.assert_array_equal(gradient[0], 0.0)
    np.testing.assert_allclose(gradient[1], 0.25)


def test_other_classes_are_others_and_even():
    labels = tf.repeat(tf.range(3, dtype=tf.int64), 2000)
    wrong = other_classes(labels, 3, SEED).numpy()
    pairs, counts = np.unique(
        np.stack([labels.numpy(), wrong]), axis=1, return_counts=True
    )
    assert pairs.T.tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert np.abs(counts / 1000 - 1).max() < 0.1
    np.testing.assert_array_equal(
        other_classes(labels % 2, 2, SEED), 1 - labels.numpy() % 2
    )


def test_a_mapper_that_convinces_and_stays_loses_nothing():
    images = tf.ones([3, *SHAPE])
    sure: Any = lambda images, training: tf.constant([[-30.0, 30.0]] * 3)  # noqa: E731
    loss, metrics = mapper_loss(
        sure,
        images,
        tf.zeros_like(images),
        tf.constant([1, 1, 1], tf.int64),
        flip_weight=0.3,
        norm_weight=0.5,
    )
    assert float(loss) < 1e-5 and float(metrics["flip_rate"]) == 1.0


@pytest.mark.slow
def test_two_replicas_of_half_the_batch_make_the_updates_of_one(
    one_replica, two_replicas
):
    images = tf.random.stateless_normal([2, 8, 8, 8, 1], SEED)
    labels = tf.random.stateless_uniform([2, 8], SEED, 0, 2, tf.int64)
    results = []
    for strategy in (one_replica, two_replicas):
        opponent, count = [], strategy.num_replicas_in_sync

        def build(opponent=opponent):
            keras.utils.set_random_seed(5)
            opponent.append(descending(small_classifier, 0.05))
            return descending(lambda: mappers.unet(8, 1, width=2, depth=1), 0.05)

        def update(mapper, batch, opponent=opponent):
            step = make_step(
                mapper,
                opponent[0],
                num_classes=2,
                mapped_weight=0.1,
                flip_weight=0.3,
                norm_weight=0.5,
            )
            return step((), LabelledBatch(*batch), SEED)[1]

        batches = [
            list(
                zip(
                    tf.split(images[update_], count),
                    tf.split(labels[update_], count),
                    strict=True,
                )
            )
            for update_ in range(2)
        ]
        mapper, metrics = run_updates(strategy, build, update, batches)
        results.append((metrics, [*weights_of(mapper.model)]))
        results[-1][1].extend(weights_of(opponent[0].model))
    for first, second in zip(results[0][0], results[1][0], strict=True):
        for told in (first, second):
            told.pop("mapper_grad_norm")
        assert first == pytest.approx(second, rel=1e-3, abs=1e-4)
    for first, second in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)


def small_classifier() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(inputs)))


def test_mapped_images_count_as_much_as_they_are_weighted():
    batch, moved = batch_of(), batch_of().images + 1.0
    found = []
    for weight in (0.0, 0.5):
        keras.utils.set_random_seed(3)
        classifier = descending(linear_classifier, RATE)
        classifier_update(classifier, batch, moved, weight)
        found.append(weights_of(classifier.model))
    keras.utils.set_random_seed(3)
    alone = descending(linear_classifier, RATE)
    classifier_update(alone, batch, batch.images, 0.0)
    for one, other in zip(found[0], weights_of(alone.model), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-7)
    assert np.abs(found[1][0] - found[0][0]).max() > 1e-3
