"""The published protocol of attacks on purified classifiers (Hill et al., 2022).

An image is broken once a look at it, in whichever step of the attack, says another
class, and fresh chains at the same point then say so too: the worst case over steps.
Broken images leave; the noise of the others does not change by that, because it is a
function of (seed, position of the image in the data, use, step, replicate).
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks import balls
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.protocols import Ascent, AscentFn

# (images [n, H, W, C], seeds int32 [n, 2], replicates of each) -> scores [n, k].
ScoresFn = Callable[[tf.Tensor, tf.Tensor, int], tf.Tensor]


class Use(enum.IntEnum):
    """What noise is for; no two share a key."""

    NATURAL = 0
    START = 1
    ASCENT = 2
    VERIFICATION = 3
    FINAL = 4
    FIXED = 5


class Record(NamedTuple):
    """What became of n images.

    Attributes:
      defended: bool [num_steps + 2, n]: whether the natural image is classified
        rightly, and whether it still was after each look at the attacked one.
      images: float32 [n, H, W, C]: the natural image where that is misclassified, the
        attacked one of the step that broke it, else the last one.
      losses: float32 [num_steps + 1, n], what the attack raised; NaN once an image
        has left.
      zero_gradient: float32 [n], share of looks at which its gradient was 0.
      natural_predictions: int64 [n]; -1 where the scores are not finite.
      final_predictions: int64 [n], of `images`, on fresh noise.
    """

    defended: np.ndarray
    images: np.ndarray
    losses: np.ndarray
    zero_gradient: np.ndarray
    natural_predictions: np.ndarray
    final_predictions: np.ndarray


class _Course(NamedTuple):
    """The part of a record that the attack itself makes."""

    defended: np.ndarray
    images: np.ndarray
    losses: np.ndarray
    zero_gradient: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """Attacks images and has them judged.

    Attributes:
      config: of the measurement.
      ascent: labels [n] -> what the attack sees of their images.
      scores: of the defended classifier, the largest is its prediction.
      key: int32 [2], of the run.
    """

    config: DefenseMeasurement
    ascent: Callable[[tf.Tensor], AscentFn]
    scores: ScoresFn
    key: tf.Tensor

    def run(
        self, images: np.ndarray, labels: np.ndarray, positions: np.ndarray
    ) -> Record:
        """Attacks images.

        Args:
          images: float32 [n, H, W, C] in [-1, 1].
          labels: int64 [n].
          positions: integers [n], of the images in the data.
        """
        keys = keyed_noise.fold_in(self.key, tf.constant(positions))
        natural = self._verdicts(images, self._noise(keys, Use.NATURAL))
        course = self._attacked(images, labels, keys, natural == labels)
        final = self._predictions(
            course.images, _fresh(keys, Use.FINAL), self.config.num_final_replicates
        )
        return Record(*course, natural, final)

    def _attacked(
        self, images: np.ndarray, labels: np.ndarray, keys: tf.Tensor, right: np.ndarray
    ) -> "_Course":
        """Attacks the images that are right."""
        num_steps, n = self.config.attack.num_steps, len(images)
        points = self._starts(images, keys)
        defended, kept, path = right.copy(), images.copy(), [right]
        losses = np.full([num_steps + 1, n], np.nan, np.float32)
        num_zero, num_looks = np.zeros(n, np.float32), np.zeros(n, np.float32)
        for step in range(num_steps + 1):
            rows = np.flatnonzero(defended)
            if len(rows):
                ascent = self._look(points, labels, keys, rows, step)
                losses[step, rows] = ascent.loss
                num_looks[rows] += 1
                num_zero[rows] += ~np.any(ascent.gradient, axis=(1, 2, 3))
                suspects = self._suspects(rows, ascent, labels[rows], step)
                broken = self._verified(points, labels, keys, suspects, step)
                defended[broken], kept[broken] = False, points[broken]
                if step < num_steps:
                    gradient = np.asarray(ascent.gradient)
                    points[rows] = self._moved(points[rows], images[rows], gradient)
            path.append(defended.copy())
        kept[defended] = points[defended]
        share = num_zero / np.maximum(num_looks, 1)
        return _Course(np.stack(path), kept, losses, share)

    def _look(
        self,
        points: np.ndarray,
        labels: np.ndarray,
        keys: tf.Tensor,
        rows: np.ndarray,
        step: int,
    ) -> Ascent:
        """What the attack sees of some images; a broken chain shows it no way up."""
        noise = self._noise(tf.gather(keys, rows), Use.ASCENT, step)
        ascent = self.ascent(tf.constant(labels[rows]))
        seen = ascent(tf.constant(points[rows]), noise)
        is_finite = tf.math.is_finite(seen.gradient)
        return seen._replace(gradient=tf.where(is_finite, seen.gradient, 0.0))

    def _suspects(
        self, rows: np.ndarray, ascent: Ascent, labels: np.ndarray, step: int
    ) -> np.ndarray:
        """Which of the images are worth fresh chains.

        An attack that transfers sees nothing of the defence: its last images count.
        """
        attack = self.config.attack
        if attack.gradient == "transfer":
            return rows if step == attack.num_steps else rows[:0]
        return rows[_largest(ascent.logits) != labels]

    def _verified(
        self,
        points: np.ndarray,
        labels: np.ndarray,
        keys: tf.Tensor,
        rows: np.ndarray,
        step: int,
    ) -> np.ndarray:
        """Those of the images that the defended classifier gets wrong once more."""
        if not len(rows):
            return rows
        noise = self._noise(tf.gather(keys, rows), Use.VERIFICATION, step)
        return rows[self._verdicts(points[rows], noise) != labels[rows]]

    def _verdicts(self, images: np.ndarray, noise: tf.Tensor) -> np.ndarray:
        return self._predictions(images, noise, self.config.defense.num_replicates)

    def _predictions(
        self, images: np.ndarray, noise: tf.Tensor, num_replicates: int
    ) -> np.ndarray:
        return _largest(self.scores(tf.constant(images), noise, num_replicates))

    def _noise(self, keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
        """Seeds [n, 2] of chains; fixed noise is the same for whatever comes."""
        if self.config.defense.noise == "fresh":
            return _fresh(keys, use, step)
        fixed = keyed_noise.fold_in(self.key[None], Use.FIXED)
        return tf.repeat(fixed, len(keys), axis=0)

    def _starts(self, images: np.ndarray, keys: tf.Tensor) -> np.ndarray:
        """Random points of the balls, each drawn with the key of its image."""
        one = self._balls(1)
        return np.concatenate(
            [
                one.random_start(image[None], seed)
                for image, seed in zip(images, _fresh(keys, Use.START), strict=True)
            ]
        )

    def _moved(
        self, points: np.ndarray, images: np.ndarray, gradient: np.ndarray
    ) -> np.ndarray:
        """The points after a step of ascent inside their balls."""
        around = self._balls(len(points))
        step = pixels.from_255ths(self.config.attack.step_size)
        return around.project(around.ascend(points, gradient, step), images).numpy()

    def _balls(self, n: int) -> balls.Ball:
        settings = self.config.ball
        radius = pixels.from_255ths(settings.epsilon)
        return balls.ball(settings.norm, tf.fill([n], radius))


def _fresh(keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
    return keyed_noise.fold_in(keyed_noise.fold_in(keys, use), step)


def _largest(scores: tf.Tensor) -> np.ndarray:
    """The class of the largest score, int64 [n]; -1 where one is not finite."""
    values = np.asarray(scores)
    return np.where(np.isfinite(values).all(1), values.argmax(1), -1)
