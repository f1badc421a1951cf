"""Distal adversarials: images that climb from noise into a class.

What a classifier takes for a class when nothing else holds it near the data; those of
a model that also knows p(x) look like the class (Grathwohl et al., 2020).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks.balls import ball, per_image
from ebm_tf.attacks.gradients import finite, plain
from ebm_tf.config.analysis import DistalAdversarials
from ebm_tf.config.core import to_mapping
from ebm_tf.kernels import Kernel, iterate
from ebm_tf.protocols import AscentFn, Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose

MOST_CLASSES = 10


class Climb(NamedTuple):
    """Images on their way.

    Attributes:
      images: float32 [n, H, W, C] in [-1, 1].
      confidence: float32 [n], the probability of the class, NaN before the first step.
      num_steps: int32 [n], that each has taken.
    """

    images: tf.Tensor
    confidence: tf.Tensor
    num_steps: tf.Tensor


def climbing(classifier: Classifier, settings: DistalAdversarials) -> Callable:
    """The function of rows that makes distal adversarials.

    A step has the same Euclidean length for every image, along the gradient of
    log p(class | x), and ends in [-1, 1]. An image rests once it is sure enough.

    Args:
      classifier: images -> logits.
      settings: steps, their length, and what is sure enough.

    Returns:
      (images [n, H, W, C] to begin with, classes int64 [n]) -> `Climb`, whose
      confidence is that at its images.
    """

    def climb(images: tf.Tensor, classes: tf.Tensor) -> Climb:
        def log_probability(logits: tf.Tensor) -> tf.Tensor:
            logs = tf.nn.log_softmax(logits)
            return tf.gather(logs, classes, axis=-1, batch_dims=1)

        ascent = plain(classifier, log_probability)
        unknown = tf.fill(tf.shape(classes), float("nan"))
        begun = Climb(images, unknown, tf.zeros_like(classes, tf.int32))
        kernel = _kernel(ascent, settings)
        seed = tf.zeros([2], tf.int32)  # nothing is drawn
        last, _ = iterate(
            kernel,
            *kernel.init(begun),
            settings.num_steps,
            seed,
            until=lambda state: tf.reduce_all(state.confidence > settings.confidence),
        )
        return last._replace(confidence=tf.exp(ascent(last.images, seed).loss))

    return climb


def _kernel(ascent: AscentFn, settings: DistalAdversarials) -> Kernel:
    """Steps of a `Climb` along the gradient of log p(class | x)."""
    step = pixels.from_255ths(settings.step_size)

    def move(state: Climb, seed: tf.Tensor) -> tuple[Climb, tuple]:
        here = finite(ascent(state.images, seed))
        confidence = tf.exp(here.loss)
        goes_on = confidence <= settings.confidence
        region = ball("l2", confidence)  # for its way of ascending, not for its size
        moved = region.ascend(state.images, here.gradient, step)
        moved = tf.clip_by_value(moved, -1.0, 1.0)
        images = tf.where(per_image(goes_on), moved, state.images)
        steps = state.num_steps + tf.cast(goes_on, tf.int32)
        return Climb(images, confidence, steps), ()

    return Kernel(lambda state: (state, ()), move)


def shown_classes(num_classes: int) -> np.ndarray:
    """All classes, or ten of them evenly spread, int64 [c]."""
    count = min(num_classes, MOST_CLASSES)
    return np.rint(np.linspace(0, num_classes - 1, count)).astype(np.int64)


def starts(
    classes: np.ndarray, shape: tuple[int, ...], num_per_class: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Uniform noise in [-1, 1] and the class of each image, class by class.

    Args:
      classes: int64 [c].
      shape: of an image.
      num_per_class: m.
      seed: of the run.

    Returns:
      float32 [c * m, *shape] and int64 [c * m].
    """
    generator = np.random.default_rng(seeds.integer(seed, Purpose.STARTS))
    targets = np.repeat(classes, num_per_class)
    noise = generator.uniform(-1.0, 1.0, [len(targets), *shape])
    return noise.astype(np.float32), targets


def metrics(
    classes: np.ndarray, found: Climb, settings: DistalAdversarials
) -> dict[str, Any]:
    """How many of the images, class by class, became sure enough, and how soon.

    Args:
      classes: int64 [c].
      found: arrays [c * m, ...].
      settings: what they were made with.
    """
    reached = np.reshape(found.confidence, [len(classes), -1]) > settings.confidence
    by_class = zip(map(str, classes), reached.sum(1).tolist(), strict=True)
    return {
        "num_images": reached.size,
        "num_reached": int(reached.sum()),
        "num_reached_by_class": dict(by_class),
        "mean_confidence": float(np.mean(found.confidence)),
        "mean_num_steps": float(np.mean(found.num_steps)),
        **to_mapping(settings),
    }
