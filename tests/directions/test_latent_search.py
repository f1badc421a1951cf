"""The search of latents: it ends where it should, each by itself."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.directions import SearchedDirections
from ebm_tf.directions.latent_search import descent, ended, latent_search, starts
from ebm_tf.kernels import iterate
from tests.learning.small_networks import SEED

SETTINGS = SearchedDirections(
    weights="RUN", near_steps=300, near_rate=0.05, likely_steps=200, likely_rate=0.02
)
LATENT = 3
MATRIX = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, -0.5], [0.3, 0.0, 1.0], [0.2, 0.1, 0.4]])
SHIFTS = np.array([[0.0] * 4, [1.0, -1.0, 0.5, 2.0]])


def linear(latents: tf.Tensor) -> tf.Tensor:
    """x = A z + b_c, so that every search has a closed form."""
    classes = tf.cast(latents[:, -1], tf.int32)
    flat = latents[:, :-1] @ tf.constant(MATRIX.T, tf.float32)
    flat += tf.gather(tf.constant(SHIFTS, tf.float32), classes)
    return tf.reshape(flat, [-1, 2, 2, 1])


def solution(images: np.ndarray, classes: np.ndarray, penalty: float) -> np.ndarray:
    """The minimum of |A z + b - x|^2 / 4 + penalty |z|^2 / 3, a ridge regression."""
    rest = np.reshape(images, [-1, 4]) - SHIFTS[classes]
    normal = MATRIX.T @ MATRIX / 4 + penalty * np.eye(LATENT) / LATENT
    return np.linalg.solve(normal, MATRIX.T @ rest.T / 4).T


def found_by(settings: SearchedDirections, generator=linear, latent_size=LATENT):
    """The search, compiled once for any number of images."""
    search = latent_search(generator, latent_size, settings)
    side = 2 if generator is linear else 1
    shapes = [tf.TensorSpec([None, side, side, 1]), tf.TensorSpec([None], tf.int64)]
    return tf.function(search, input_signature=shapes, autograph=False)


def some(count: int = 5) -> tuple[tf.Tensor, tf.Tensor]:
    images = tf.random.stateless_normal([count, 2, 2, 1], SEED)
    return images, tf.range(count, dtype=tf.int64) % 2


@pytest.mark.parametrize("penalty", [0.0, 0.5])
def test_it_ends_at_the_least_penalised_distance(penalty):
    images, classes = some()
    settings = dataclasses.replace(SETTINGS, penalty=penalty)
    found = found_by(settings)(images, classes)
    expected = solution(images.numpy(), classes.numpy(), penalty)
    np.testing.assert_allclose(found.latents, expected, atol=0.03)
    labelled = np.concatenate([expected, classes.numpy()[:, None]], 1)
    best = linear(tf.constant(labelled, tf.float32))
    losses = np.mean((best - images) ** 2, (1, 2, 3))
    losses += penalty * np.mean(expected**2, 1)
    np.testing.assert_allclose(found.loss, losses, rtol=0.01, atol=1e-4)
    made = np.concatenate([found.latents, labelled[:, -1:]], 1).astype(np.float32)
    np.testing.assert_allclose(found.images, linear(tf.constant(made)), atol=1e-6)


def test_a_generated_image_of_its_own_class_is_found_again():
    latents = tf.random.stateless_normal([4, LATENT], SEED)
    classes = tf.constant([0, 1, 1, 0], tf.int64)
    images = linear(tf.concat([latents, tf.cast(classes, tf.float32)[:, None]], 1))
    settings = dataclasses.replace(SETTINGS, penalty=0.0)
    found = found_by(settings)(images, classes)
    np.testing.assert_allclose(found.images, images, atol=0.02)
    np.testing.assert_allclose(found.latents, latents, atol=0.03)


def test_a_search_depends_on_no_other_of_its_batch():
    """Even where the others go on: what has ended stays."""
    images, classes = some(6)
    images *= tf.constant([0.1, 5.0, 1.0, 0.0, 3.0, 0.5])[:, None, None, None]
    settings = dataclasses.replace(SETTINGS, patience=3, tolerance=0.01, num_starts=2)
    search = found_by(settings)
    together = search(images, classes)
    for place in range(6):
        alone = search(images[place : place + 1], classes[place : place + 1])
        np.testing.assert_allclose(
            together.latents[place], alone.latents[0], rtol=1e-5, atol=1e-6
        )


def wavy(latents: tf.Tensor) -> tf.Tensor:
    """sin(3 z) + z / 2 in each pixel: many latents are only nearest around there."""
    values = tf.sin(3.0 * latents[:, :1]) + 0.5 * latents[:, :1]
    return tf.reshape(values, [-1, 1, 1, 1])


def test_the_best_of_several_starts_counts():
    images = tf.reshape(tf.constant([1.6, -1.6, 0.1]), [3, 1, 1, 1])
    settings = dataclasses.replace(SETTINGS, penalty=0.0)
    classes = tf.zeros([3], tf.int64)
    losses = [
        found_by(dataclasses.replace(settings, num_starts=num), wavy, 1)(
            images, classes
        ).loss.numpy()
        for num in (1, 16)
    ]
    assert (losses[1] <= losses[0] + 1e-5).all()
    # From 0 the nearest wave is too low; one of the other starts is beyond it.
    assert losses[1][1] < 1e-4 < 0.1 < losses[0][1]


def test_the_first_start_is_0_and_more_starts_add_to_those_of_fewer():
    first, more = starts(1, 4).numpy(), starts(3, 4).numpy()
    np.testing.assert_array_equal(first, [[0.0] * 4])
    np.testing.assert_array_equal(more[:1], first)
    assert more.shape == (3, 4) and np.abs(more[1:]).min() > 0


def test_the_best_is_kept_where_the_way_goes_on():
    """Too large steps jump about the minimum; the loss that is kept never rises."""
    kernel = descent(
        lambda z: tf.reduce_sum(z**2, 1), rate=0.7, tolerance=0.0, patience=None
    )
    state, info = kernel.init(tf.constant([[2.0], [-0.3]]))
    losses = []
    for step in range(20):
        state, info = iterate(kernel, state, info, 1, SEED, start=step)
        losses.append(state.loss.numpy())
    assert (np.diff(losses, axis=0) <= 0).all()
    np.testing.assert_allclose(state.loss, np.square(state.best.numpy()[:, 0]))
    assert (info.numpy() >= state.loss.numpy()).all()


def test_a_search_ends_after_so_many_idle_steps():
    kernel = descent(
        lambda z: tf.reduce_sum(0.0 * z + 1.0, 1), rate=0.1, tolerance=0.0, patience=4
    )
    state, _ = iterate(
        kernel,
        *kernel.init(tf.zeros([2, 1])),
        100,
        SEED,
        until=lambda state: tf.reduce_all(ended(state, 4)),
    )
    # The first step sees the first loss of all.
    assert int(state.moments.num_steps) == 5
