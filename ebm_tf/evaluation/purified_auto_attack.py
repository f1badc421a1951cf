"""AutoAttack for random classifiers against a purified one (Croce and Hein, 2020).

Its two climbs, by APGD on means over the chains of an image (EOT), follow each other;
each is of the images that are still unbroken. One error of a random classifier may be
chance, so a climb is not stopped by any: the point of the highest mean loss is judged,
by fresh chains.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.attacks.auto_pgd import auto_pgd, climbed, highest_loss
from ebm_tf.attacks.outcomes import Outcome
from ebm_tf.config.defense import PurifiedAutoAttack
from ebm_tf.evaluation.defense_judge import Course, Trial, Use
from ebm_tf.protocols import Ascent, AscentFn


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
