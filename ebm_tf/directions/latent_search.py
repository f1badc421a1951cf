"""The latents whose images are nearest to given ones, by Adam in two phases.

Source: Bigolin Lanfredi et al. (2023), eq. 15 and 16, after DefenseGAN (Samangouei et
al., 2018). Every search has its own best latent, several starts and an end.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ebm_tf.config.directions import SearchedDirections
from ebm_tf.kernels import AdamMoments, Kernel, adam, iterate, no_moments
from ebm_tf.models.latents import with_classes
from ebm_tf.protocols import Generator

# Of the latents that searches begin from: the same ones for every image.
STARTS_KEY = (0x5EA, 0)

# Latents [n, z] -> losses float32 [n].
LossFn = Callable[[tf.Tensor], tf.Tensor]


class Search(NamedTuple):
    """Searches that go on side by side.

    Attributes:
      latents: float32 [n, z], where they are.
      moments: of the gradients of their losses.
      best: float32 [n, z], the latents of the least loss so far.
      loss: float32 [n], that loss; infinite before the first step.
      idle: int32 [n], steps since it fell.
    """

    latents: tf.Tensor
    moments: AdamMoments
    best: tf.Tensor
    loss: tf.Tensor
    idle: tf.Tensor


class Found(NamedTuple):
    """What searches found.

    Attributes:
      latents: float32 [n, z].
      images: float32 [n, H, W, C], of these and the classes.
      loss: float32 [n], of the second phase.
    """

    latents: tf.Tensor
    images: tf.Tensor
    loss: tf.Tensor


def descent(
    loss_of: LossFn, *, rate: float, tolerance: float, patience: int | None
) -> Kernel:
    """A step of Adam down each loss; the state is a `Search`, the info the losses.

    Args:
      loss_of: the loss of a latent depends on no other.
      rate: of learning.
      tolerance: the share by which a loss has to fall, so that it counts as falling;
        the least one is kept in any case.
      patience: a search whose loss did not fall for so many steps stays where it is,
        whatever the others of its batch do; never if None.
    """

    def init(latents: tf.Tensor) -> tuple[Search, tf.Tensor]:
        losses = tf.fill(tf.shape(latents)[:1], float("inf"))
        idle = tf.zeros(tf.shape(latents)[:1], tf.int32)
        search = Search(latents, no_moments(latents), latents, losses, idle)
        return search, losses

    def step(search: Search, seed: tf.Tensor) -> tuple[Search, tf.Tensor]:
        del seed
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(search.latents)
            losses = loss_of(search.latents)
        gradient = tape.gradient(losses, search.latents)
        change, moments = adam(search.moments, gradient)
        better = (losses < search.loss) & ~ended(search, patience)
        falls = better & (losses < (1.0 - tolerance) * search.loss)
        return Search(
            search.latents - rate * change,
            moments,
            tf.where(better[:, None], search.latents, search.best),
            tf.where(better, losses, search.loss),
            tf.where(falls, 0, search.idle + 1),
        ), losses

    return Kernel(init, step)


def ended(search: Search, patience: int | None) -> tf.Tensor:
    """Which searches count as ended, bool [n]."""
    if patience is None:
        return tf.zeros_like(search.idle, tf.bool)
    return search.idle >= patience


def mean_squares(rows: tf.Tensor) -> tf.Tensor:
    """The mean square of the numbers of each row [n, ...]."""
    return tf.reduce_mean(tf.square(rows), list(range(1, rows.shape.rank)))


def starts(num: int, latent_size: int) -> tf.Tensor:
    """The latents [num, z] of which each search begins from all: 0, and normal ones."""
    drawn = tf.random.stateless_normal([num - 1, latent_size], STARTS_KEY)
    return tf.concat([tf.zeros([1, latent_size]), drawn], 0)


def latent_search(
    generator: Generator, latent_size: int, settings: SearchedDirections
) -> Callable[[tf.Tensor, tf.Tensor], Found]:
    """What searches for images of given classes that are near given images.

    Args:
      generator: latents [n, z + 1], with classes in the last column -> images.
      latent_size: z.
      settings: of both phases.

    Returns:
      (images [n, H, W, C], classes integer [n]) -> what was found. A result depends on
      no other of its batch.
    """

    def search(images: tf.Tensor, classes: tf.Tensor) -> Found:
        num, count = settings.num_starts, tf.shape(images)[0]
        targets, labels = (tf.repeat(rows, num, 0) for rows in (images, classes))

        def loss_of(latents: tf.Tensor, penalty: float) -> tf.Tensor:
            away = generator(with_classes(latents, labels)) - targets
            return mean_squares(away) + penalty * mean_squares(latents)

        def phase(
            latents: tf.Tensor, steps: int, rate: float, penalty: float
        ) -> tuple[tf.Tensor, tf.Tensor]:
            kernel = descent(
                lambda latents: loss_of(latents, penalty),
                rate=rate,
                tolerance=settings.tolerance,
                patience=settings.patience,
            )
            state, _ = iterate(
                kernel,
                *kernel.init(latents),
                steps,
                tf.constant([0, 0]),
                until=lambda state: tf.reduce_all(ended(state, settings.patience)),
            )
            return state.best, state.loss

        latents = tf.tile(starts(num, latent_size), [count, 1])
        latents, _ = phase(latents, settings.near_steps, settings.near_rate, 0.0)
        latents, losses = phase(
            latents, settings.likely_steps, settings.likely_rate, settings.penalty
        )
        losses = tf.reshape(losses, [count, num])
        best = tf.range(count) * num + tf.argmin(losses, 1, tf.int32)
        latents = tf.gather(latents, best)
        found = generator(with_classes(latents, classes))
        return Found(latents, found, tf.reduce_min(losses, 1))

    return search
