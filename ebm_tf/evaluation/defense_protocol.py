"""The published protocol of attacks on purified classifiers (Hill et al., 2022).

An image is broken once a look at it, in whichever step of the attack, says another
class, and fresh chains at the same point then say so too: the worst case over steps.
Broken images leave.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.attacks.ascents import finite, is_zero
from ebm_tf.attacks.outcomes import errs
from ebm_tf.config.defense import PurifiedPgd
from ebm_tf.evaluation.defense_judge import Course, Trial, Use
from ebm_tf.protocols import Ascent, AscentFn


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
