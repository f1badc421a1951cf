"""Attacks on a classifier, phase by phase: each attacks some of the images.

A phase is a loop of its own below the run. Its name determines its random numbers, with
the place of each image among all. Attacks that are not in rounds draw by batch instead:
by the place of a replica's part among all that batches are divided into, so that
replicas which take the parts of one in turns get the same.
"""

import dataclasses
import functools
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise, pixels
from ebm_tf.attacks import few_classes
from ebm_tf.attacks.apgd import apgd
from ebm_tf.attacks.auto_attack import auto_attack
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.outcomes import errs, predicted
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.attacks.rounds import InRounds, Rows
from ebm_tf.config.robustness import ClassifierAttacks
from ebm_tf.evaluation.attack_segments import in_segments
from ebm_tf.evaluation.batch_files import Arrays, BatchWork, outcomes
from ebm_tf.evaluation.verdicts import Verdicts
from ebm_tf.protocols import Attacked, AttackFn, Classifier
from ebm_tf.runtime import actions, seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import KeyFn, fitting, over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import CHECKPOINTS, Workspace

FOLDER = "attacks"
# Attacks that are tried on all images which are naturally right; others are tried on
# what is left of those before them.
ALONE = ("pgd", "apgd_ce", "apgd_pm", "carlini_wagner")

# (rows, keys of batches) -> arrays [n, ...] by name. Attacks in segments draw by the
# keys of the rows, others by those of the batches.
RunFn = Callable[[Rows, KeyFn], Arrays]

# (images [n, H, W, C], labels [n]) -> arrays [n, ...] by name.
EvaluateFn = Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def named_attacks(
    config: ClassifierAttacks, classifier: Classifier
) -> dict[str, AttackFn]:
    """The attacks of a config, in order: PGD, AutoAttack, PMA, Carlini and Wagner."""
    attacks: dict[str, AttackFn] = {}
    if config.pgd is not None:
        attacks["pgd"] = pgd_attack(classifier, config.pgd, config.ball)
    if config.auto_attack is not None:
        attacks |= auto_attack(classifier, config.auto_attack, config.ball)
    if num_steps := config.probability_margin:
        attacks["apgd_pm"] = apgd(
            classifier, config.ball, loss="probability_margin", num_steps=num_steps
        )
    if config.carlini_wagner is not None:
        attack = carlini_wagner(classifier, config.carlini_wagner, config.ball)
        attacks["carlini_wagner"] = attack
    return attacks


def notes(config: ClassifierAttacks, num_classes: int) -> Iterator[str]:
    """What the attacks do otherwise than the config says, of so few classes."""
    if config.pgd is not None:
        yield from few_classes.of_pgd(config.pgd, num_classes)
    if config.auto_attack is not None:
        yield from few_classes.of_auto_attack(config.auto_attack, num_classes)
    if config.carlini_wagner is not None:
        yield from few_classes.of_carlini_wagner(config.carlini_wagner, num_classes)


def is_random(config: ClassifierAttacks) -> bool:
    """Whether the config declares the classifier to be random."""
    return config.auto_attack is not None and config.auto_attack.version == "rand"


def evaluator(classifier: Classifier, num_verifications: int) -> EvaluateFn:
    """Evaluates whether the classifier errs at images, by a majority.

    Args:
      classifier: images -> logits.
      num_verifications: evaluations; one is enough where nothing is random.

    Returns:
      (images, labels) -> "broken" bool [n], "logits" float32 [n, k] of the first
      evaluation and "prediction" int64 [n] by the mean logits, -1 where they are not
      finite.
    """

    def evaluate(images: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = [classifier(images) for _ in range(num_verifications)]
        errors = [tf.cast(errs(values, labels), tf.int32) for values in logits]
        return {
            "broken": 2 * tf.add_n(errors) > num_verifications,
            "logits": logits[0],
            "prediction": predicted(tf.add_n(logits)),
        }

    return evaluate


def finishing(
    evaluate: EvaluateFn,
) -> Callable[[tf.Tensor, Attacked], dict[str, tf.Tensor]]:
    """Evaluates what an attack has found.

    Returns:
      (labels, result) -> the evaluation but for the logits, "images", "claimed",
      whether the attack itself found them broken, and its info, names after "info_".
    """

    def finish(labels: tf.Tensor, attacked: Attacked) -> dict[str, tf.Tensor]:
        found = evaluate(attacked.images, labels)
        del found["logits"]
        info = {f"info_{name}": value for name, value in attacked.info.items()}
        return {"images": attacked.images, "claimed": attacked.broken, **found, **info}

    return finish


class Place(NamedTuple):
    """Where images are attacked, and how.

    Attributes:
      replicas: the devices.
      workspace: the run's folder; None keeps nothing on a disk.
      batch: images at once, over all replicas.
      seed: of the run.
      save_every: batches between checkpoints.
    """

    replicas: Replicas
    workspace: Workspace | None
    batch: int
    seed: int
    save_every: int = 1


def key_of(name: str, seed: int) -> tf.Tensor:
    """The key int32 [2] of a phase in a run."""
    key = seeds.key(seed, Purpose.ATTACKS)
    return tf.random.fold_in(key, zlib.crc32(name.encode()) & 0x7FFFFFFF)


def in_batches(
    name: str,
    function: Callable[[slice, KeyFn], Arrays],
    positions: np.ndarray,
    place: Place,
) -> Arrays:
    """The outcomes of a phase, batch by batch; what an earlier run did is read.

    Args:
      name: of the phase.
      function: the places of a batch among all images, and the keys of its parts ->
        arrays of its outcomes by name, on all workers.
      positions: int64 [m], of all images in their source; other ones are another work.
      place: where it is done.

    Returns:
      The outcomes [m, ...], m > 0.
    """
    size, count = place.batch, place.replicas.count
    num_batches = -(-len(positions) // size)
    key = key_of(name, place.seed)

    def rows(index: int) -> slice:
        return slice(index * size, (index + 1) * size)

    def batch(index: int) -> Arrays:
        def keys(_: int, replica: int) -> tf.Tensor:
            return tf.random.fold_in(key, index * count + replica)

        return function(rows(index), keys)

    if place.workspace is None:
        parts = [batch(index) for index in range(num_batches)]
    else:
        parts = _kept(name, batch, num_batches, rows, positions, place)
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _kept(
    name: str,
    batch: Callable[[int], Arrays],
    num_batches: int,
    rows: Callable[[int], slice],
    positions: np.ndarray,
    place: Place,
) -> list[Arrays]:
    """The outcomes of batches, each in a file of the run's folder."""
    if (workspace := place.workspace) is None:
        raise ValueError("Expected the folder of a run.")
    folder = os.path.join(workspace.folder, CHECKPOINTS, FOLDER, name)
    work = BatchWork(
        make=batch,
        num_batches=num_batches,
        # _0 is the first worker: earlier versions had a file of each.
        path=lambda index: os.path.join(folder, f"{index:05d}_0.npz"),
        about=lambda index: {
            "num_replicas": place.replicas.count,
            "positions": positions[rows(index)],
        },
        part=os.path.join(FOLDER, name),
        unit=f"batches of {name}",
    )
    shown = [
        actions.show_progress(num_batches, work.unit),
        actions.log_pace(workspace, num_batches, name),
    ]
    return outcomes(work, place.replicas, workspace, shown, save_every=place.save_every)


@dataclasses.dataclass(frozen=True, eq=False)
class Phases:
    """A classifier, the images that are attacked, and where that is done.

    Attributes:
      config: of the measurement.
      replicas: the devices.
      workspace: the run's folder; None keeps nothing on a disk.
      images: float32 [N, H, W, C].
      labels: int64 [N].
      classifier: images -> logits.
      attacks: by their names, in their order.
    """

    config: ClassifierAttacks
    replicas: Replicas
    workspace: Workspace | None
    images: np.ndarray
    labels: np.ndarray
    classifier: Classifier
    attacks: Mapping[str, AttackFn]

    def natural(self, name: str) -> Arrays:
        """Evaluates all natural images."""
        everything = np.arange(len(self.labels))
        return self._run(name, self._natural, everything, np.zeros(len(everything)))

    def in_ball(self, name: str, chosen: np.ndarray) -> Arrays:
        """Runs the named attack on the chosen images, in the ball of the config."""
        radius = pixels.from_255ths(self.config.ball.epsilon)
        epsilon = np.full(len(chosen), radius)
        return self._run(name, self._attacks[name], chosen, epsilon)

    def in_balls(
        self, attack: str, name: str, chosen: np.ndarray, radii: np.ndarray, *kept: str
    ) -> Arrays:
        """Runs an attack in a ball of its own around each chosen image.

        Args:
          attack: its name.
          name: of the phase.
          chosen: int64 [m], positions of the images.
          radii: float [m], in 255ths.
          *kept: names of the outcomes that are wanted; all if there are none.
        """
        epsilon = pixels.from_255ths(1.0) * radii
        return self._run(name, self._attacks[attack], chosen, epsilon, kept)

    def _run(
        self,
        name: str,
        run: RunFn,
        chosen: np.ndarray,
        epsilon: np.ndarray,
        kept: tuple[str, ...] = (),
    ) -> Arrays:
        """The outcomes [m, ...] of chosen images [m], in balls of radii [m]."""
        if not len(chosen):
            none = {"broken": np.zeros(0, bool), "claimed": np.zeros(0, bool)}
            return none | {"images": self.images[:0], "prediction": self.labels[:0]}

        config = self.config
        key = key_of(name, config.seed)

        def function(rows: slice, keys: KeyFn) -> Arrays:
            positions, radii = chosen[rows], epsilon[rows].astype(np.float32)
            own = keyed_noise.fold_in(key[None], tf.constant(positions, tf.int32))
            rows_of = Rows(
                self.images[positions], self.labels[positions], radii, own.numpy()
            )
            found = run(rows_of, keys)
            return {name: found[name] for name in kept or found}

        place = Place(
            self.replicas, self.workspace, config.batch, config.seed, config.save_every
        )
        return in_batches(name, function, chosen, place)

    def _over_rows(self, function: Callable) -> RunFn:
        """(images, labels, radii, key) -> outcome, on any rows."""
        run = over_rows(function, self.replicas, self.config.batch, size_of=fitting)
        return lambda rows, keys: run(*rows[:3], keys=keys, of=len(rows.labels))

    @functools.cached_property
    def _evaluate(self) -> EvaluateFn:
        settings, num = self.config.auto_attack, 1
        if settings is not None and settings.version == "rand":
            num = settings.num_verifications
        return evaluator(self.classifier, num)

    @functools.cached_property
    def _natural(self) -> RunFn:
        return self._over_rows(
            lambda images, labels, *others: self._evaluate(images, labels)
        )

    @functools.cached_property
    def _attacks(self) -> dict[str, RunFn]:
        """The attacks, each traced when it is first run."""
        return {name: self._runs(attack) for name, attack in self.attacks.items()}

    def _runs(self, attack: AttackFn) -> RunFn:
        finish = finishing(self._evaluate)
        if isinstance(attack, InRounds):
            run = in_segments(attack, finish, self.replicas, self.config.batch)
            return lambda rows, _: run(*rows)

        def whole(images: tf.Tensor, labels: tf.Tensor, *others: tf.Tensor) -> dict:
            return finish(labels, attack(images, labels, *others))

        return self._over_rows(whole)


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
        verdicts = verdicts.after(name, chosen, outcome)
        left = len(verdicts.unbroken) / len(verdicts.broken_by)
        if phases.workspace is not None:
            phases.workspace.log(
                f"{name}: {len(chosen)} images; {left:.2%} of all are unbroken"
            )
    return verdicts, tried
