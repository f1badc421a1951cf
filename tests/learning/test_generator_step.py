"""The step of a generator and its discriminator, against plain arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.learning.generator import discriminator_update, generator_update, make_step
from ebm_tf.learning.optimization import LabelledBatch
from ebm_tf.models import latents, sngan, sngan_discriminator
from tests.learning.small_networks import SEED, descending, run_updates, weights_of

BATCH, LATENT, RATE = 4, 3, 0.1
SHAPE = (2, 2, 1)


def linear_generator() -> keras.Model:
    inputs = keras.Input((LATENT,))
    x = keras.layers.Dense(4, kernel_initializer="random_normal")(inputs)
    return keras.Model(inputs, keras.layers.Reshape(SHAPE)(x))


def linear_discriminator() -> keras.Model:
    inputs = keras.Input(SHAPE)
    x = keras.layers.Flatten()(inputs)
    dense = keras.layers.Dense(1, kernel_initializer="random_normal")
    return keras.Model(inputs, dense(x))


def real_batches(
    count: int, size: int = BATCH, shape=SHAPE
) -> tuple[LabelledBatch, ...]:
    images = tf.random.stateless_uniform([count, size, *shape], SEED, -1.0, 1.0)
    labels = tf.random.stateless_uniform([count, size], SEED, 0, 3, tf.int64)
    return tuple(map(LabelledBatch, tf.unstack(images), tf.unstack(labels)))


class Pair:
    """The same two networks in NumPy, with gradients by hand."""

    def __init__(self, generator, discriminator):
        self.kernel, self.bias = (w.astype(np.float64) for w in weights_of(generator))
        weights = [w.astype(np.float64) for w in weights_of(discriminator)]
        self.slope, self.offset = weights[0][:, 0], weights[1][0]

    def generate(self, z):
        return z @ self.kernel + self.bias

    def score(self, x):
        return x @ self.slope + self.offset

    def update_discriminator(self, data, z):
        data, samples = data.reshape(len(data), -1), self.generate(z)
        scores = self.score(data), self.score(samples)
        loss = np.maximum(0, 1 - scores[0]).mean() + np.maximum(0, 1 + scores[1]).mean()
        # Each image within the margin counts by one over the batch.
        up = (scores[0] < 1) / len(data)
        down = (scores[1] > -1) / len(samples)
        self.slope = self.slope + RATE * (up @ data - down @ samples)
        self.offset = self.offset + RATE * (up.sum() - down.sum())
        return loss

    def update_generator(self, z):
        loss = -self.score(self.generate(z)).mean()
        self.kernel = self.kernel + RATE * np.outer(z.mean(0), self.slope)
        self.bias = self.bias + RATE * self.slope
        return loss


def test_a_step_is_that_of_the_paper():
    """Three updates of one, each by a batch and latents of its own, then the other."""
    generator = descending(linear_generator, RATE)
    discriminator = descending(linear_discriminator, RATE)
    twin = Pair(generator.model, discriminator.model)
    draw = latents.standard_normal(LATENT)
    step = make_step(generator, discriminator, draw)
    real = real_batches(3)
    state, metrics, last = step((), real, SEED)
    *keys, key = tf.unstack(tf.random.split(SEED, 4))
    losses = [
        twin.update_discriminator(batch.images.numpy(), draw(BATCH, k).numpy())
        for batch, k in zip(real, keys, strict=True)
    ]
    loss = twin.update_generator(draw(BATCH, key).numpy())
    assert state == ()
    np.testing.assert_array_equal(last, draw(BATCH, key))
    assert float(metrics["discriminator_loss"]) == pytest.approx(np.mean(losses))
    assert float(metrics["generator_loss"]) == pytest.approx(loss, rel=1e-5)
    kernel, bias = weights_of(generator.model)
    np.testing.assert_allclose(kernel, twin.kernel, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(bias, twin.bias, rtol=1e-5, atol=1e-6)
    slope, offset = weights_of(discriminator.model)
    np.testing.assert_allclose(slope[:, 0], twin.slope, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(offset, [twin.offset], rtol=1e-5, atol=1e-6)


def test_scores_and_gradient_norms_are_told():
    generator, discriminator = (
        descending(build, 0.0) for build in (linear_generator, linear_discriminator)
    )
    twin = Pair(generator.model, discriminator.model)
    (real,) = real_batches(1)
    z = latents.standard_normal(LATENT)(BATCH, SEED)
    told = discriminator_update(discriminator, real, generator.model(z), z)
    told |= generator_update(generator, discriminator.model, z)
    data = real.images.numpy().reshape(BATCH, -1)
    samples = twin.generate(z.numpy())
    assert float(told["score_data"]) == pytest.approx(twin.score(data).mean(), rel=1e-4)
    assert float(told["score_samples"]) == pytest.approx(
        twin.score(samples).mean(), rel=1e-4
    )
    mean = np.append(z.numpy().mean(0), 1.0)
    norm = np.linalg.norm(np.outer(mean, twin.slope))
    assert float(told["generator_grad_norm"]) == pytest.approx(norm, rel=1e-5)
    # All are within the margin here.
    norm = np.linalg.norm(np.append(data.mean(0) - samples.mean(0), 0.0))
    assert float(told["discriminator_grad_norm"]) == pytest.approx(norm, rel=1e-5)


def sngan_pair(num_classes=None, rate=1.0):
    generator = descending(
        lambda: sngan.generator(8, 1, width=4, latent_size=5, num_classes=num_classes),
        rate,
    )
    discriminator = descending(
        lambda: sngan_discriminator.discriminator(
            8, 1, width=4, num_classes=num_classes
        ),
        rate,
    )
    return generator, discriminator


def test_an_update_of_one_network_leaves_the_other():
    generator, discriminator = sngan_pair()
    before = weights_of(generator.model), weights_of(discriminator.model)
    z = tf.random.stateless_normal([BATCH, 5], SEED)
    generator_update(generator, discriminator.model, z)
    for weight, kept in zip(weights_of(discriminator.model), before[1], strict=True):
        np.testing.assert_array_equal(weight, kept)
    moved = weights_of(generator.model)
    (real,) = real_batches(1, shape=(8, 8, 1))
    discriminator_update(discriminator, real, generator.model(z, training=False), z)
    for weight, kept in zip(weights_of(generator.model), moved, strict=True):
        np.testing.assert_array_equal(weight, kept)
    assert not np.array_equal(weights_of(discriminator.model)[1], before[1][1])


def test_a_discriminator_with_classes_sees_those_of_data_and_latents():
    seen = []
    _, discriminator = sngan_pair(num_classes=3)
    model = discriminator.model

    def spy(inputs, training):
        seen.append(inputs[1].numpy().tolist())
        return model(inputs, training=training)

    class Watched:
        inputs = model.inputs
        trainable_variables = model.trainable_variables
        __call__ = staticmethod(spy)

    (real,) = real_batches(1, shape=(8, 8, 1))
    z = latents.with_classes(tf.zeros([BATCH, 5]), tf.constant([2, 0, 1, 2]))
    watched = discriminator._replace(model=Watched())
    discriminator_update(watched, real, tf.zeros([BATCH, 8, 8, 1]), z)
    assert seen == [[*real.labels.numpy().tolist(), 2, 0, 1, 2]]


def in_halves(tensors, count, updates):
    """The batches of `count` replicas out of tensors [updates, batch, ...]."""
    return [
        list(zip(*(tf.split(x[update], count) for x in tensors), strict=True))
        for update in range(updates)
    ]


@pytest.mark.slow
def test_two_replicas_of_half_the_batch_make_the_updates_of_one(
    one_replica, two_replicas
):
    z = latents.standard_normal(5, 3)(16, SEED)
    labels = tf.random.stateless_uniform([16], SEED, 0, 3, tf.int64)
    data, fakes = (
        tf.random.stateless_uniform([16, 8, 8, 1], SEED + key, -1.0, 1.0)
        for key in (1, 2)
    )
    tensors = [tf.reshape(x, [2, 8, *x.shape[1:]]) for x in (data, labels, fakes, z)]
    results = []
    for strategy in (one_replica, two_replicas):
        opponent = []

        def build(opponent=opponent):
            keras.utils.set_random_seed(5)
            generator, discriminator = sngan_pair(num_classes=3, rate=1e-2)
            opponent.append(discriminator)
            return generator

        def update(generator, batch, opponent=opponent):
            images, classes, samples, latents_now = batch
            real = LabelledBatch(images, classes)
            told = discriminator_update(opponent[0], real, samples, latents_now)
            return told | generator_update(generator, opponent[0].model, latents_now)

        batches = in_halves(tensors, strategy.num_replicas_in_sync, 2)
        generator, metrics = run_updates(strategy, build, update, batches)
        results.append((metrics, weights_of(generator.model)))
        results[-1][1].extend(weights_of(opponent[0].model))
    (metrics, one), (metrics_of_two, two) = results
    for first, second in zip(metrics, metrics_of_two, strict=True):
        assert first == pytest.approx(second, rel=1e-3, abs=1e-4)
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-4)
