"""Attacks on purified classifiers, their judge, and the noise that it looks through.

The noise of an image is a function of (seed, position of the image in the data, use,
step, replicate), so that images which leave a batch change nothing for the others.
"""

import abc
import dataclasses
import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks import balls
from ebm_tf.attacks.auto_pgd import auto_pgd, climbed, highest_loss
from ebm_tf.attacks.gradients import finite, is_zero
from ebm_tf.attacks.outcomes import Outcome, errs, predicted
from ebm_tf.config.defense import DefenseMeasurement, PurifiedAutoAttack, PurifiedPgd
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
      defended: bool [m + 1, n]: whether the natural image is classified rightly, and
        whether it still was after each of m looks at the attacked one; num_steps + 1
        looks of the published protocol, one after each climb of AutoAttack.
      images: float32 [n, H, W, C]: the natural image where that is misclassified, the
        attacked one that broke it, else the last one.
      losses: float32 [m, n], what the attack raised; NaN once an image has left.
      last_rise: float32 [n], how much the loss of unbroken images still rose in the
        last tenth of the steps.
      zero_gradient: float32 [n], share of looks at which its gradient was 0.
      natural_predictions: int64 [n]; -1 where the scores are not finite.
      final_predictions: int64 [n], of `images`, on fresh noise.
    """

    defended: np.ndarray
    images: np.ndarray
    losses: np.ndarray
    last_rise: np.ndarray
    zero_gradient: np.ndarray
    natural_predictions: np.ndarray
    final_predictions: np.ndarray


class Course(NamedTuple):
    """The part of a record that the attack itself makes."""

    defended: np.ndarray
    images: np.ndarray
    losses: np.ndarray
    last_rise: np.ndarray
    zero_gradient: np.ndarray


# Where the key of noise that is no image's stands among those of positions.
NOWHERE = -1


def _fresh(keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
    return keyed_noise.fold_in(keyed_noise.fold_in(keys, use), step)


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """Looks at images through the defence.

    Attributes:
      config: of the measurement.
      scores: of the defended classifier, the largest is its prediction.
      key: int32 [2], of the run.
    """

    config: DefenseMeasurement
    scores: ScoresFn
    key: tf.Tensor

    def noise(self, keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
        """Seeds [n, 2] of chains; fixed noise is the same for whatever comes."""
        if self.config.defense.noise == "fresh":
            return _fresh(keys, use, step)
        nobody = keyed_noise.fold_in(self.key[None], NOWHERE)
        return tf.repeat(_fresh(nobody, Use.FIXED), len(keys), axis=0)

    def starts(
        self,
        images: np.ndarray,
        keys: tf.Tensor,
        step: int = 0,
        *,
        at_surface: bool = False,
    ) -> np.ndarray:
        """Random points of the balls, each drawn with the key of its image."""
        one, seeds = self.balls(1), _fresh(keys, Use.START, step)
        draw = one.surface_start if at_surface else one.random_start
        return np.concatenate(
            [draw(image[None], seed) for image, seed in zip(images, seeds, strict=True)]
        )

    def balls(self, n: int) -> balls.Ball:
        """The balls around n images."""
        settings = self.config.ball
        radius = pixels.from_255ths(settings.epsilon)
        return balls.ball(settings.norm, tf.fill([n], radius))

    def broken(
        self,
        points: np.ndarray,
        labels: np.ndarray,
        keys: tf.Tensor,
        rows: np.ndarray,
        step: int,
    ) -> np.ndarray:
        """Those rows of points [n, H, W, C] that fresh chains get wrong."""
        if not len(rows):
            return rows
        noise = self.noise(tf.gather(keys, rows), Use.VERIFICATION, step)
        return rows[self.verdicts(points[rows], noise) != labels[rows]]

    def verdicts(self, images: np.ndarray, noise: tf.Tensor) -> np.ndarray:
        """The classes [n] of images; -1 where the scores are not finite."""
        return self._predictions(images, noise, self.config.defense.num_replicates)

    def final_predictions(self, images: np.ndarray, keys: tf.Tensor) -> np.ndarray:
        """The same once more, on fresh noise and by more replicates."""
        num_replicates = self.config.num_final_replicates
        return self._predictions(images, _fresh(keys, Use.FINAL), num_replicates)

    def _predictions(
        self, images: np.ndarray, noise: tf.Tensor, num_replicates: int
    ) -> np.ndarray:
        scores = self.scores(tf.constant(images), noise, num_replicates)
        return predicted(scores).numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class Trial(abc.ABC):
    """Attacks images and has them judged.

    Attributes:
      judge: of the images.
    """

    judge: Judge

    def run(
        self, images: np.ndarray, labels: np.ndarray, positions: np.ndarray
    ) -> Record:
        """Looks at natural images, attacks those that are right, and looks again.

        Args:
          images: float32 [n, H, W, C] in [-1, 1].
          labels: int64 [n].
          positions: integers [n], of the images in the data.
        """
        keys = keyed_noise.fold_in(self.judge.key, tf.constant(positions))
        natural = self.judge.verdicts(images, self.judge.noise(keys, Use.NATURAL))
        course = self._attacked(images, labels, keys, natural == labels)
        final = self.judge.final_predictions(course.images, keys)
        return Record(*course, natural, final)

    @abc.abstractmethod
    def _attacked(
        self, images: np.ndarray, labels: np.ndarray, keys: tf.Tensor, right: np.ndarray
    ) -> Course:
        """Attacks the images that are right, bool [n]."""


@dataclasses.dataclass(frozen=True, eq=False)
class PgdTrial(Trial):
    """Attacks images by gradient ascent and has them judged.

    Attributes:
      attack: its settings.
      ascent: labels [n] -> what the attack sees of their images.
    """

    attack: PurifiedPgd
    ascent: Callable[[tf.Tensor], AscentFn]

    def _attacked(
        self, images: np.ndarray, labels: np.ndarray, keys: tf.Tensor, right: np.ndarray
    ) -> Course:
        num_steps, n = self.attack.num_steps, len(images)
        points = self.judge.starts(images, keys)
        defended, kept, path = right.copy(), images.copy(), [right]
        losses = np.full([num_steps + 1, n], np.nan, np.float32)
        num_zero, num_looks = np.zeros(n, np.float32), np.zeros(n, np.float32)
        for step in range(num_steps + 1):
            rows = np.flatnonzero(defended)
            if len(rows):
                ascent = self._look(points, labels, keys, rows, step)
                losses[step, rows] = ascent.loss
                num_looks[rows] += 1
                num_zero[rows] += is_zero(ascent.gradient).numpy()
                suspects = self._suspects(rows, ascent, labels[rows], step)
                broken = self.judge.broken(points, labels, keys, suspects, step)
                defended[broken], kept[broken] = False, points[broken]
                if step < num_steps:
                    gradient = np.asarray(ascent.gradient)
                    points[rows] = self._moved(points[rows], images[rows], gradient)
            path.append(defended.copy())
        kept[defended] = points[defended]
        share = num_zero / np.maximum(num_looks, 1)
        return Course(np.stack(path), kept, losses, _last_rise(losses), share)

    def _look(
        self,
        points: np.ndarray,
        labels: np.ndarray,
        keys: tf.Tensor,
        rows: np.ndarray,
        step: int,
    ) -> Ascent:
        """What the attack sees of some images; a broken chain shows it no way up."""
        noise = self.judge.noise(tf.gather(keys, rows), Use.ASCENT, step)
        ascent = self.ascent(tf.constant(labels[rows]))
        seen = ascent(tf.constant(points[rows]), noise)
        return seen._replace(gradient=finite(seen).gradient)

    def _suspects(
        self, rows: np.ndarray, ascent: Ascent, labels: np.ndarray, step: int
    ) -> np.ndarray:
        """Which of the images are worth fresh chains.

        An attack that transfers sees nothing of the defence: its last images count.
        """
        if self.attack.gradient == "transfer":
            return rows if step == self.attack.num_steps else rows[:0]
        return rows[errs(ascent.logits, labels).numpy()]

    def _moved(
        self, points: np.ndarray, images: np.ndarray, gradient: np.ndarray
    ) -> np.ndarray:
        """The points after a step of ascent inside their balls."""
        around = self.judge.balls(len(points))
        step = pixels.from_255ths(self.attack.step_size)
        return around.project(around.ascend(points, gradient, step), images).numpy()


def _last_rise(losses: np.ndarray) -> np.ndarray:
    """By how much losses [m, n] rose in the last tenth of the steps, [n]."""
    tenth = max(1, len(losses) // 10)
    return losses[-1] - losses[max(len(losses) - 1 - tenth, 0)]


@dataclasses.dataclass(frozen=True, eq=False)
class AutoTrial(Trial):
    """Attacks images by AutoAttack and has them judged.

    Attributes:
      attack: its settings.
      ascents: labels [n] -> what a climb sees of their images, by the climb's name.
    """

    attack: PurifiedAutoAttack
    ascents: Mapping[str, Callable[[tf.Tensor], AscentFn]]

    def _attacked(
        self, images: np.ndarray, labels: np.ndarray, keys: tf.Tensor, right: np.ndarray
    ) -> Course:
        n, defended, kept, path = len(images), right.copy(), images.copy(), [right]
        losses = np.full([len(self.ascents), n], np.nan, np.float32)
        last_rise, num_looks, num_zero = np.zeros([3, n], np.float32)
        for index, ascent in enumerate(self.ascents.values()):
            rows = np.flatnonzero(defended)
            if len(rows):
                seen = ascent(tf.constant(labels[rows]))
                found = self._climbed(
                    seen, images[rows], labels[rows], tf.gather(keys, rows), index
                )
                kept[rows], losses[index, rows] = found.images, found.score
                last_rise[rows] = np.maximum(last_rise[rows], found.last_rise)
                num_looks[rows] += found.num_gradients
                num_zero[rows] += found.num_zero_gradients
                defended[self.judge.broken(kept, labels, keys, rows, index)] = False
            path.append(defended.copy())
        share = num_zero / np.maximum(num_looks, 1)
        return Course(np.stack(path), kept, losses, last_rise, share)

    def _climbed(
        self,
        ascent: AscentFn,
        images: np.ndarray,
        labels: np.ndarray,
        keys: tf.Tensor,
        index: int,
    ) -> Outcome:
        """One climb of all images, from random starts at the surface of their balls."""
        judge, num_steps = self.judge, self.attack.num_steps
        noise = judge.noise(keys, Use.ASCENT, index)
        is_fixed = judge.config.defense.noise == "fixed"

        def look(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
            if is_fixed:
                return ascent(images, noise)
            of_step = keyed_noise.fold_in(noise, seed[0])
            return ascent(images, keyed_noise.fold_in(of_step, seed[1]))

        kernel = auto_pgd(
            look,
            judge.balls(len(images)),
            tf.constant(images),
            tf.constant(labels),
            num_steps=num_steps,
            accept=highest_loss,
        )
        starts = tf.constant(judge.starts(images, keys, index, at_surface=True))
        nothing = tf.zeros([len(images)], tf.bool)
        return climbed(kernel, starts, nothing, num_steps=num_steps, seed=judge.key)
