"""Attacks on purified classifiers, their evaluator, and the noise of both.

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
from ebm_tf.attacks.apgd_kernel import Run
from ebm_tf.attacks.gradients import finite, is_zero
from ebm_tf.attacks.outcomes import errs, predicted
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
        whether it still was after each of m rounds of the attack: num_steps + 1 of the
        published protocol, one for each run of AutoAttack.
      images: float32 [n, H, W, C]: the natural image where that is misclassified, the
        attacked one that broke it, else the last one.
      losses: float32 [m, n], what the attack raised; NaN once an image has left.
      last_rise: float32 [n], how much the loss of unbroken images still rose in the
        last tenth of the steps.
      zero_gradient: float32 [n], share of gradients that were 0.
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


# Where the key of noise that is no image's stands among those of positions.
NOWHERE = -1


def _fresh(keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
    return keyed_noise.fold_in(keyed_noise.fold_in(keys, use), step)


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluator:
    """Classifies images through the defence.

    Attributes:
      config: of the measurement.
      scores: of the defended classifier, the largest is its prediction.
      key: int32 [2], of the run.
    """

    config: DefenseMeasurement
    scores: ScoresFn
    key: tf.Tensor

    def noise(self, keys: tf.Tensor, use: Use, step: int = 0) -> tf.Tensor:
        """Seeds [n, 2] of chains; fixed noise is the same for all images and uses."""
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
        return balls.around(settings, tf.fill([n], radius))

    def predictions(
        self, images: np.ndarray, noise: tf.Tensor, num_replicates: int | None = None
    ) -> np.ndarray:
        """The classes [n] of images; -1 where the scores are not finite."""
        num_replicates = num_replicates or self.config.defense.num_replicates
        scores = self.scores(tf.constant(images), noise, num_replicates)
        return predicted(scores).numpy()


class Batch(NamedTuple):
    """Natural images [n, H, W, C], their labels [n] and keys int32 [n, 2]."""

    images: np.ndarray
    labels: np.ndarray
    keys: tf.Tensor


class Round(NamedTuple):
    """What a round found for n images; `following` is where the next one begins.

    `suspects`, bool [n], are worth fresh chains. Losses, their rise in the last tenth
    of the steps of a round, and counts of gradients are [n].
    """

    images: np.ndarray
    following: np.ndarray
    suspects: np.ndarray
    loss: tf.Tensor
    last_rise: tf.Tensor | float
    num_gradients: tf.Tensor | float
    num_zero_gradients: tf.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class PurifiedAttack(abc.ABC):
    """Attacks images in rounds, after each of which they are verified.

    Attributes:
      evaluator: of the images.
    """

    evaluator: Evaluator

    def run(
        self, images: np.ndarray, labels: np.ndarray, positions: np.ndarray
    ) -> Record:
        """Classifies natural images, attacks those that are right until they break.

        Args:
          images: float32 [n, H, W, C] in [-1, 1].
          labels: int64 [n].
          positions: integers [n], of the images in the data.
        """
        evaluator, n = self.evaluator, len(images)
        keys = keyed_noise.fold_in(evaluator.key, tf.constant(positions))
        natural = evaluator.predictions(images, evaluator.noise(keys, Use.NATURAL))
        defended, kept = natural == labels, images.copy()
        points = self._starts(images, keys)
        path, losses = [defended.copy()], np.full([self._num_rounds, n], np.nan, "f")
        last_rise, num_gradients, num_zeros = np.zeros([3, n], np.float32)
        for index in range(self._num_rounds):
            rows = np.flatnonzero(defended)
            if len(rows):
                batch = Batch(images[rows], labels[rows], tf.gather(keys, rows))
                found = self._round(index, points[rows], batch)
                kept[rows], points[rows] = found.images, found.following
                losses[index, rows] = found.loss
                last_rise[rows] = np.maximum(last_rise[rows], found.last_rise)
                num_gradients[rows] += found.num_gradients
                num_zeros[rows] += found.num_zero_gradients
                rows = rows[found.suspects]
            if len(rows):
                noise = evaluator.noise(tf.gather(keys, rows), Use.VERIFICATION, index)
                verified = evaluator.predictions(kept[rows], noise)
                defended[rows] = verified == labels[rows]
            path.append(defended.copy())
        num_final = evaluator.config.num_final_replicates
        return Record(
            np.stack(path),
            kept,
            losses,
            self._last_rise(losses, last_rise),
            num_zeros / np.maximum(num_gradients, 1),
            natural,
            evaluator.predictions(kept, _fresh(keys, Use.FINAL), num_final),
        )

    @property
    @abc.abstractmethod
    def _num_rounds(self) -> int: ...

    def _starts(self, images: np.ndarray, keys: tf.Tensor) -> np.ndarray:
        del keys  # each round draws its own
        return images.copy()

    @abc.abstractmethod
    def _round(self, index: int, points: np.ndarray, batch: Batch) -> Round: ...

    def _last_rise(self, losses: np.ndarray, last_rise: np.ndarray) -> np.ndarray:
        """Of losses [m, n] after all rounds, and the largest rise within one, [n]."""
        del losses
        return last_rise


@dataclasses.dataclass(frozen=True, eq=False)
class PgdOnPurified(PurifiedAttack):
    """Projected gradient ascent; a round is a step, and the last one does not move.

    Attributes:
      attack: its settings.
      ascent: labels [n] -> loss and gradient of their images.
    """

    attack: PurifiedPgd
    ascent: Callable[[tf.Tensor], AscentFn]

    @property
    def _num_rounds(self) -> int:
        return self.attack.num_steps + 1

    def _starts(self, images: np.ndarray, keys: tf.Tensor) -> np.ndarray:
        return self.evaluator.starts(images, keys)

    def _round(self, index: int, points: np.ndarray, batch: Batch) -> Round:
        images, labels, keys = batch
        noise = self.evaluator.noise(keys, Use.ASCENT, index)
        output = self.ascent(tf.constant(labels))(tf.constant(points), noise)
        gradient = finite(output).gradient  # a broken chain shows no way up
        is_last, following = index == self.attack.num_steps, points
        if not is_last:
            step = pixels.from_255ths(self.attack.step_size)
            around = self.evaluator.balls(len(points))
            following = around.moved(points, gradient, step, images).numpy()
        suspects = errs(output.logits, labels).numpy()
        if self.attack.gradient == "transfer":
            # It sees nothing of the defence: its last images count.
            suspects = np.full(len(points), is_last)
        zeros = is_zero(gradient)
        return Round(points, following, suspects, output.loss, 0.0, 1.0, zeros)

    def _last_rise(self, losses: np.ndarray, last_rise: np.ndarray) -> np.ndarray:
        tenth = max(1, len(losses) // 10)
        return losses[-1] - losses[max(len(losses) - 1 - tenth, 0)]


@dataclasses.dataclass(frozen=True, eq=False)
class AutoAttackOnPurified(PurifiedAttack):
    """AutoAttack for random classifiers; a round is a run of APGD.

    Attributes:
      attack: its settings.
      ascents: labels [n] -> loss and gradient of their images, by the run's name.
    """

    attack: PurifiedAutoAttack
    ascents: Mapping[str, Callable[[tf.Tensor], AscentFn]]

    @property
    def _num_rounds(self) -> int:
        return len(self.ascents)

    def _round(self, index: int, points: np.ndarray, batch: Batch) -> Round:
        evaluator, (images, labels, keys) = self.evaluator, batch
        noise, n = evaluator.noise(keys, Use.ASCENT, index), len(images)
        is_fixed = evaluator.config.defense.noise == "fixed"
        of_labels = list(self.ascents.values())[index](tf.constant(labels))

        def ascent(images: tf.Tensor, seed: tf.Tensor) -> Ascent:
            if is_fixed:
                return of_labels(images, noise)
            of_step = keyed_noise.fold_in(noise, seed[0])
            return of_labels(images, keyed_noise.fold_in(of_step, seed[1]))

        found = Run(
            ascent,
            evaluator.balls(n),
            tf.constant(images),
            tf.constant(labels),
            self.attack.num_steps,
            stops_at_error=False,
        ).from_starts(
            tf.constant(evaluator.starts(images, keys, index, at_surface=True)),
            tf.zeros([n], tf.bool),
            evaluator.key,
        )
        return Round(
            found.images.numpy(),
            points,
            np.ones(n, bool),
            found.score,
            found.last_rise,
            found.num_gradients,
            found.num_zero_gradients,
        )
