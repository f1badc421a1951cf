"""What a classifier says of images besides their class: how usual they are."""

import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.evaluation.calibration import confidences
from ebm_tf.protocols import Classifier, Energy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose

# (name of a set, its images float32 [n, H, W, C], deviation of noise) -> the logits
# float32 [n, k] and each of `SCORES` [n], by name.
ScoreFn = Callable[[str, np.ndarray, float], dict[str, np.ndarray]]

# Higher means likelier to be of the distribution.
SCORES = {
    "log_density": "log p(x) = -E(x), not normalised",
    "max_probability": "max p(y | x)",
    "approximate_mass": "approximate mass, -|d log p(x) / dx|",
}


def scored(classifier: Classifier, energy: Energy) -> Callable:
    """The function of rows behind all scores.

    Args:
      classifier: images -> logits.
      energy: images -> E(x).

    Returns:
      (images [n, H, W, C], keys int32 [n, 2], noise float32 [n]) -> "logits" [n, k],
      "log_density" [n], and "approximate_mass" [n], minus the Euclidean length of the
      gradient (Grathwohl et al., 2020), all at images with normal noise of such
      standard deviations, each drawn by its key. They are not clipped.
    """

    def scores(
        images: tf.Tensor, keys: tf.Tensor, noise: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        drawn = keyed_noise.normal(keys, images.shape[1:])
        images = images + noise[:, None, None, None] * drawn
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            energies = energy(images)
        gradient = tape.gradient(
            energies, images, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        squares = tf.reduce_sum(tf.square(gradient), [1, 2, 3])
        return {
            "logits": classifier(images),
            "log_density": -energies,
            "approximate_mass": -tf.sqrt(squares),
        }

    return scores


def scorer(
    classifier: Classifier, energy: Energy, replicas: Replicas, batch: int, seed: int
) -> ScoreFn:
    """What scores whole sets of images, on all replicas, as `scored` does.

    The result for an image depends on neither the batch nor the devices, but for
    rounding: its noise is of the seed, the name of the set and the place in it.

    Args:
      classifier: images -> logits.
      energy: images -> E(x).
      replicas: the devices.
      batch: images at once, over all replicas.
      seed: of the run.
    """
    run = over_rows(scored(classifier, energy), replicas, batch)

    def score(name: str, images: np.ndarray, noise: float) -> dict[str, np.ndarray]:
        key = seeds.key(seed, Purpose.TEST)
        key = tf.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)
        num = len(images)
        keys = keyed_noise.fold_in(key[None], tf.range(num)).numpy()
        found = run(images, keys, np.full(num, noise, np.float32))
        # In float64: many probabilities of a sure classifier are 1 in float32.
        return found | {"max_probability": confidences(found["logits"])}

    return score
