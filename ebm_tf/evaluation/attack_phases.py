"""Attacks on a classifier, phase by phase: each attacks some of the images.

A phase is a loop of its own below the run. Its name determines its random numbers, with
the place of a replica's part among all that batches are divided into: replicas which
take the parts of one in turns get the same.
"""

import dataclasses
import functools
import os
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.evaluation.batch_files import Arrays, BatchWork, outcomes
from ebm_tf.evaluation.judged_attacks import (
    JudgeFn,
    attacking,
    is_random,
    judging,
)
from ebm_tf.evaluation.verdicts import Verdicts
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime import actions, seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import CHECKPOINTS, Workspace

FOLDER = "attacks"
# Attacks that are tried on all images which are naturally right; others are tried on
# what is left of those before them.
ALONE = ("pgd", "apgd_ce", "carlini_wagner")


class Phase(NamedTuple):
    """What is done to chosen images.

    Attributes:
      name: of its files; it also determines its random numbers.
      run: rows of images, labels and radii, and keys -> outcomes by name, [m, ...].
      chosen: int64 [m], positions of the images.
      epsilon: float [m], a radius for each of them, in units of images in [-1, 1].
      kept: names of the outcomes that are kept; all if there are none.
    """

    name: str
    run: Callable
    chosen: np.ndarray
    epsilon: np.ndarray
    kept: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """A classifier, the images that are attacked, and where that is done.

    Attributes:
      config: of the measurement.
      replicas: the devices.
      workspace: the run's folder.
      images: float32 [N, H, W, C].
      labels: int64 [N].
      classifier: images -> logits.
      attacks: by their names, in their order.
    """

    config: RobustnessMeasurement
    replicas: Replicas
    workspace: Workspace
    images: np.ndarray
    labels: np.ndarray
    classifier: Classifier
    attacks: Mapping[str, AttackFn]

    def natural(self, name: str) -> Arrays:
        """Looks at all natural images."""
        everything = np.arange(len(self.labels))
        return self._done(
            Phase(name, self._look, everything, np.zeros(len(everything)))
        )

    def in_ball(self, name: str, chosen: np.ndarray) -> Arrays:
        """Runs the named attack on the chosen images, in the ball of the config."""
        radius = pixels.from_255ths(self.config.ball.epsilon)
        epsilon = np.full(len(chosen), radius)
        return self._done(Phase(name, self._attacks[name], chosen, epsilon))

    def in_balls(
        self, attack: str, name: str, chosen: np.ndarray, radii: np.ndarray, *kept: str
    ) -> Arrays:
        """Runs an attack in a ball of its own around each chosen image.

        Args:
          attack: its name.
          name: of the phase.
          chosen: int64 [m], positions of the images.
          radii: float [m], in 255ths.
          *kept: names of the outcomes that are wanted.
        """
        epsilon = pixels.from_255ths(1.0) * radii
        return self._done(Phase(name, self._attacks[attack], chosen, epsilon, kept))

    def _done(self, phase: Phase) -> Arrays:
        """The outcomes of the chosen images, in their order."""
        if not len(phase.chosen):
            nothing = {"broken": np.zeros(0, bool), "claimed": np.zeros(0, bool)}
            return nothing | {"images": self.images[:0], "prediction": self.labels[:0]}
        num_batches = -(-len(phase.chosen) // self.config.batch)
        work = BatchWork(
            make=functools.partial(self._batch, phase),
            num_batches=num_batches,
            path=functools.partial(self._path, phase),
            about=lambda index: {
                "num_replicas": self.replicas.count,
                "positions": phase.chosen[self._rows(index)],
            },
            part=os.path.join(FOLDER, phase.name),
            unit=f"batches of {phase.name}",
        )
        parts = outcomes(
            work,
            self.replicas,
            self.workspace,
            [
                actions.show_progress(num_batches, work.unit),
                actions.log_pace(self.workspace, num_batches, phase.name),
            ],
            save_every=self.config.save_every,
        )
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _batch(self, phase: Phase, index: int) -> Arrays:
        key = seeds.key(self.config.seed, Purpose.ATTACKS)
        key = tf.random.fold_in(key, zlib.crc32(phase.name.encode()) & 0x7FFFFFFF)
        rows, count = self._rows(index), self.replicas.count
        chosen, epsilon = phase.chosen[rows], phase.epsilon[rows].astype(np.float32)
        found = phase.run(
            self.images[chosen],
            self.labels[chosen],
            epsilon,
            keys=lambda _, replica: tf.random.fold_in(key, index * count + replica),
        )
        return {name: found[name] for name in phase.kept or found}

    def _rows(self, index: int) -> slice:
        """The place of a batch among the chosen images of a phase."""
        return slice(index * self.config.batch, (index + 1) * self.config.batch)

    def _path(self, phase: Phase, index: int) -> str:
        # _0 is the first worker: earlier versions had a file of each.
        name = f"{index:05d}_0.npz"
        folder = os.path.join(self.workspace.folder, CHECKPOINTS, FOLDER)
        return os.path.join(folder, phase.name, name)

    @functools.cached_property
    def _judge(self) -> JudgeFn:
        settings = self.config.auto_attack
        if settings is None or not is_random(self.config):
            return judging(self.classifier, 1)
        return judging(self.classifier, settings.num_verifications)

    @functools.cached_property
    def _look(self) -> Callable:
        return over_rows(
            lambda images, labels, *_: self._judge(images, labels),
            self.replicas,
            self.config.batch,
        )

    @functools.cached_property
    def _attacks(self) -> dict[str, Callable]:
        """The attacks, each traced when it is first run."""
        return {
            name: over_rows(
                attacking(attack, self._judge), self.replicas, self.config.batch
            )
            for name, attack in self.attacks.items()
        }


# Of each attack, the positions of the images that it was tried on, and its outcome.
Outcomes = Mapping[str, tuple[np.ndarray, Arrays]]


def attacked_in_turn(phases: Phases, verdicts: Verdicts) -> tuple[Verdicts, Outcomes]:
    """Runs all attacks in their order."""
    tried: dict[str, tuple[np.ndarray, Arrays]] = {}
    for name in phases.attacks:
        right = np.flatnonzero(verdicts.right)
        chosen = right if name in ALONE else verdicts.unbroken
        outcome = phases.in_ball(name, chosen)
        tried[name] = chosen, outcome
        verdicts = verdicts.after(
            name, chosen, outcome["images"], outcome["broken"], outcome["prediction"]
        )
        left = len(verdicts.unbroken) / len(verdicts.broken_by)
        phases.workspace.log(
            f"{name}: {len(chosen)} images; {left:.2%} of all are unbroken"
        )
    return verdicts, tried
