"""Attacks on purified classifiers, in rounds; broken images leave, or all go on."""

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks.apgd_kernel import Run
from ebm_tf.attacks.gradients import finite, is_zero
from ebm_tf.attacks.outcomes import errs
from ebm_tf.config.defense import PurifiedAutoAttack, PurifiedPgd
from ebm_tf.evaluation import resubmissions
from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.evaluation.purified_evaluator import Evaluator, Use
from ebm_tf.protocols import Ascent, AscentFn

# What is judged on fresh noise after an attack, and by which key.
NATURAL, ATTACKED, LAST = "natural", "attacked", "last"


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
      judged: the verdicts of `Evaluator.judged`, by set of images: NATURAL, ATTACKED
        (which are `images`) and, where all went on, LAST.
      last_images: float32 [n, H, W, C], where the ascent of all images ended; of
        several climbs, the one whose end broke it, else the last. None where broken
        ones left.
      last_defended: bool [n], whether they were classified rightly there.
    """

    defended: np.ndarray
    images: np.ndarray
    losses: np.ndarray
    last_rise: np.ndarray
    zero_gradient: np.ndarray
    natural_predictions: np.ndarray
    final_predictions: np.ndarray
    judged: Mapping[str, Arrays]
    last_images: np.ndarray | None = None
    last_defended: np.ndarray | None = None


class Batch(NamedTuple):
    """Natural images [n, H, W, C], their labels [n] and keys int32 [n, 2]."""

    images: np.ndarray
    labels: np.ndarray
    keys: tf.Tensor

    def of(self, rows: np.ndarray) -> "Batch":
        """Some of them."""
        return Batch(self.images[rows], self.labels[rows], tf.gather(self.keys, rows))


class Climb(NamedTuple):
    """One ascent among several, each from a start of its own.

    Attributes:
      gradient: as the settings name it.
      ascent: labels [n] -> loss and gradient of their images.
    """

    gradient: str
    ascent: Callable[[tf.Tensor], AscentFn]


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


class _Progress:
    """The arrays of a `Record` while they are made, and where the climb is."""

    def __init__(self, batch: Batch, right: np.ndarray, num_rounds: int) -> None:
        n = len(right)
        self.defended, self.kept = right.copy(), batch.images.copy()
        self.path = [right.copy()]
        self.losses = np.full([num_rounds, n], np.nan, np.float32)
        self.last_rise, self.gradients, self.zeros = np.zeros([3, n], np.float32)
        self.ended_right, self.ends = np.ones(n, bool), batch.images.copy()

    def found(self, index: int, rows: np.ndarray, found: Round) -> None:
        """Takes in what a round found for some of the images."""
        standing = self.defended[rows]
        self.kept[rows[standing]] = found.images[standing]
        self.losses[index, rows] = found.loss
        self.last_rise[rows] = np.maximum(self.last_rise[rows], found.last_rise)
        self.gradients[rows] += found.num_gradients
        self.zeros[rows] += found.num_zero_gradients

    def ended(self, rows: np.ndarray, images: np.ndarray, right: np.ndarray) -> None:
        """Takes in the verdicts on the images at the end of a climb."""
        standing = self.ended_right[rows]
        self.ends[rows[standing]] = images[standing]
        self.ended_right[rows] &= right


@dataclasses.dataclass(frozen=True, eq=False)
class PurifiedAttack(abc.ABC):
    """Attacks images in rounds, after each of which they are verified.

    Attributes:
      evaluator: of the images.
      climbs: in their order.
    """

    evaluator: Evaluator
    climbs: Sequence[Climb]

    def run(
        self, images: np.ndarray, labels: np.ndarray, positions: np.ndarray
    ) -> Record:
        """Classifies natural images, and attacks them.

        Args:
          images: float32 [n, H, W, C] in [-1, 1].
          labels: int64 [n].
          positions: integers [n], of the images in the data.
        """
        evaluator = self.evaluator
        keys = keyed_noise.fold_in(evaluator.key, tf.constant(positions))
        natural = evaluator.predictions(images, evaluator.noise(keys, Use.NATURAL))
        batch = Batch(images, labels, keys)
        made = _Progress(batch, natural == labels, self._num_rounds)
        points = images.copy()
        for index in range(self._num_rounds):
            climb, step = divmod(index, self._rounds_of_climb)
            if step == 0:
                points = self._starts(batch, climb)
            rows = np.flatnonzero(made.defended | self._goes_on)
            if len(rows):
                found = self._round(index, points[rows], batch.of(rows))
                points[rows] = found.following
                made.found(index, rows, found)
                self._verify(index, rows, found, batch, made)
            made.path.append(made.defended.copy())
        return self._recorded(batch, natural, made)

    def _verify(
        self, index: int, rows: np.ndarray, found: Round, batch: Batch, made: _Progress
    ) -> None:
        """Evaluates by fresh chains what a round may have broken, and every end."""
        is_end = self._goes_on and (index + 1) % self._rounds_of_climb == 0
        looked = found.suspects & made.defended[rows] | is_end
        rows, images = rows[looked], found.images[looked]
        if not len(rows):
            return
        noise = self.evaluator.noise(
            tf.gather(batch.keys, rows), Use.VERIFICATION, index
        )
        right = self.evaluator.predictions(images, noise) == batch.labels[rows]
        made.defended[rows] &= right
        if is_end:
            made.ended(rows, images, right)

    def _recorded(self, batch: Batch, natural: np.ndarray, made: _Progress) -> Record:
        evaluator, keys = self.evaluator, batch.keys
        judged = {
            NATURAL: evaluator.judged(batch.images, keys, Use.NATURAL_FINAL),
            ATTACKED: evaluator.judged(made.kept, keys, Use.FINAL),
        }
        if self._goes_on:
            judged[LAST] = evaluator.judged(made.ends, keys, Use.LAST_FINAL)
        most = resubmissions.counts(evaluator.config)[-1]
        own = resubmissions.name(resubmissions.OWN, most)
        return Record(
            np.stack(made.path),
            made.kept,
            made.losses,
            self._last_rise(made.losses, made.last_rise),
            made.zeros / np.maximum(made.gradients, 1),
            natural,
            judged[ATTACKED][own][:, 0],
            judged,
            made.ends if self._goes_on else None,
            made.ended_right if self._goes_on else None,
        )

    @property
    def _num_rounds(self) -> int:
        return len(self.climbs) * self._rounds_of_climb

    @property
    def _rounds_of_climb(self) -> int:
        return 1

    @property
    def _goes_on(self) -> bool:
        """Whether broken images stay, so that there is an end of all."""
        return False

    def _starts(self, batch: Batch, climb: int) -> np.ndarray:
        del climb  # each round draws its own
        return batch.images.copy()

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
    """

    attack: PurifiedPgd

    @property
    def _rounds_of_climb(self) -> int:
        return self.attack.num_steps + 1

    @property
    def _goes_on(self) -> bool:
        return not self.attack.stops_at_error

    def _starts(self, batch: Batch, climb: int) -> np.ndarray:
        return self.evaluator.starts(batch.images, batch.keys, climb)

    def _round(self, index: int, points: np.ndarray, batch: Batch) -> Round:
        images, labels, keys = batch
        number, step = divmod(index, self._rounds_of_climb)
        climb, is_last = self.climbs[number], step == self.attack.num_steps
        noise = self.evaluator.noise(keys, Use.ASCENT, index)
        output = climb.ascent(tf.constant(labels))(tf.constant(points), noise)
        gradient = finite(output).gradient  # a broken chain shows no way up
        following = points
        if not is_last:
            length = pixels.from_255ths(self.attack.step_size)
            around = self.evaluator.balls(len(points))
            following = around.moved(points, gradient, length, images).numpy()
        suspects = errs(output.logits, labels).numpy()
        if climb.gradient == "transfer":
            # It sees nothing of the defence: its last images count.
            suspects = np.full(len(points), is_last)
        zeros = is_zero(gradient)
        return Round(points, following, suspects, output.loss, 0.0, 1.0, zeros)

    def _last_rise(self, losses: np.ndarray, last_rise: np.ndarray) -> np.ndarray:
        """The largest of all climbs; NaN where images left."""
        by_climb = losses.reshape(len(self.climbs), self._rounds_of_climb, -1)
        last = self.attack.num_steps
        tenth = max(1, self._rounds_of_climb // 10)
        return np.max(by_climb[:, last] - by_climb[:, max(last - tenth, 0)], 0)


@dataclasses.dataclass(frozen=True, eq=False)
class AutoAttackOnPurified(PurifiedAttack):
    """AutoAttack for random classifiers; a round is a run of APGD.

    Attributes:
      attack: its settings.
    """

    attack: PurifiedAutoAttack

    def _round(self, index: int, points: np.ndarray, batch: Batch) -> Round:
        evaluator, (images, labels, keys) = self.evaluator, batch
        noise, n = evaluator.noise(keys, Use.ASCENT, index), len(images)
        is_fixed = evaluator.config.defense.noise == "fixed"
        of_labels = self.climbs[index].ascent(tf.constant(labels))

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
