"""Evaluates a purified classifier, and keys the noise of its evaluations and attacks.

The noise of an image is a function of (seed, position of the image in the data, use,
step, replicate), so that images which leave a batch change nothing for the others.
"""

import dataclasses
import enum
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks import balls
from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.defenses.voting import VOTES
from ebm_tf.evaluation import resubmissions
from ebm_tf.evaluation.batch_files import Arrays

# (images [n, H, W, C], seeds int32 [n, 2], r replicates of each) -> logits [n, r, k].
LogitsFn = Callable[[tf.Tensor, tf.Tensor, int], tf.Tensor]


class Use(enum.IntEnum):
    """What noise is for; no two share a key."""

    NATURAL = 0
    START = 1
    ASCENT = 2
    VERIFICATION = 3
    FINAL = 4
    FIXED = 5
    NATURAL_FINAL = 6
    LAST_FINAL = 7


# Where the key of noise that is no image's stands among those of positions.
NOWHERE = -1


def fresh(keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
    """Seeds [n, 2] of keys [n, 2], which no other use or step has."""
    return keyed_noise.fold_in(keyed_noise.fold_in(keys, use), step)


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluator:
    """Classifies images through the defence.

    Attributes:
      config: of the measurement.
      logits: of replicates of images through the defence.
      key: int32 [2], of the run.
    """

    config: DefenseMeasurement
    logits: LogitsFn
    key: tf.Tensor

    def noise(self, keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
        """Seeds [n, 2] of chains; fixed noise is the same for all images and uses."""
        if self.config.defense.noise == "fresh":
            return fresh(keys, use, step)
        nobody = keyed_noise.fold_in(self.key[None], NOWHERE)
        return tf.repeat(fresh(nobody, Use.FIXED), len(keys), axis=0)

    def starts(
        self,
        images: np.ndarray,
        keys: tf.Tensor,
        step: int = 0,
        *,
        at_surface: bool = False,
    ) -> np.ndarray:
        """Random points of the balls, each drawn with the key of its image."""
        one, seeds = self.balls(1), fresh(keys, Use.START, step)
        draw = one.surface_start if at_surface else one.random_start
        return np.concatenate(
            [draw(image[None], seed) for image, seed in zip(images, seeds, strict=True)]
        )

    def balls(self, n: int) -> balls.Ball:
        """The balls around n images."""
        settings = self.config.ball
        radius = pixels.from_255ths(settings.epsilon)
        return balls.around(settings, tf.fill([n], radius))

    def predictions(
        self, images: np.ndarray, noise: tf.Tensor, num_replicates: int | None = None
    ) -> np.ndarray:
        """The classes [n] of images; -1 where the scores are not finite."""
        num_replicates = num_replicates or self.config.defense.num_replicates
        logits = self.logits(tf.constant(images), noise, num_replicates)
        return predicted(VOTES[self.config.defense.vote](logits)).numpy()

    def judged(self, images: np.ndarray, keys: tf.Tensor, use: Use) -> Arrays:
        """The verdicts of all final replicates, which are fresh whatever the noise.

        Returns:
          What `resubmissions.verdicts` does.
        """
        config = self.config
        copies = resubmissions.counts(config)
        seeds = fresh(keys, use)
        logits = self.logits(tf.constant(images), seeds, copies[-1])
        return resubmissions.verdicts(logits, copies, config.defense.vote)
