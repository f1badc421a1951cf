"""What one replica does with its part of a batch: it attacks, and judges."""

import dataclasses
import functools
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tqdm

from ebm_tf import pixels
from ebm_tf.attacks.outcomes import errs, predicted
from ebm_tf.errors import EarlyStopError, RunError
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.actions import Clock
from ebm_tf.runtime.attacks.robustness_session import RobustnessSession
from ebm_tf.runtime.distribution import Replicas, distributed, gather, local, on_each
from ebm_tf.runtime.files import load_arrays, make_folder, save_arrays
from ebm_tf.runtime.interrupts import deferred_stop
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import CHECKPOINTS, Workspace


class Piece(NamedTuple):
    """The part of a batch that one replica works on.

    Attributes:
      images: float32 [n, H, W, C].
      labels: int64 [n].
      epsilon: float32 [n], radii in units of images in [-1, 1].
      key: int32 [2].
    """

    images: Any
    labels: Any
    epsilon: Any
    key: Any


PieceFn = Callable[[Piece], dict[str, tf.Tensor]]


def judging(classifier: Classifier, num_verifications: int) -> PieceFn:
    """Says of images whether the majority of several evaluations errs.

    Args:
      classifier: images -> logits.
      num_verifications: evaluations; one is enough where nothing is random.

    Returns:
      piece -> "broken" bool [n], "logits" float32 [n, k] of the first evaluation and
      "prediction" int64 [n] by the mean logits, -1 where they are not finite.
    """

    def judge(piece: Piece) -> dict[str, tf.Tensor]:
        logits = [classifier(piece.images) for _ in range(num_verifications)]
        errors = [errs(values, piece.labels) for values in logits]
        count = tf.add_n([tf.cast(error, tf.int32) for error in errors])
        mean = tf.add_n(logits)
        return {
            "broken": 2 * count > num_verifications,
            "logits": logits[0],
            "prediction": predicted(mean),
        }

    return judge


def attacking(attack: AttackFn, judge: PieceFn) -> PieceFn:
    """Attacks images and has the result judged anew.

    Returns:
      piece -> what the judge says, "images", "claimed", the attack's own verdict, and
      its info, its names after "info_".
    """

    def run(piece: Piece) -> dict[str, tf.Tensor]:
        attacked = attack(piece.images, piece.labels, piece.epsilon, piece.key)
        info = {f"info_{name}": value for name, value in attacked.info.items()}
        verdict = judge(piece._replace(images=attacked.images))
        del verdict["logits"]
        return {
            "images": attacked.images,
            "claimed": attacked.broken,
            **verdict,
            **info,
        }

    return run


def compiled(replicas: Replicas, function: PieceFn) -> Callable:
    """Compiles a function of pieces into one of all replicas."""
    inner = tf.function(function, jit_compile=replicas.jit, autograph=False)
    return on_each(replicas, lambda piece, _: inner(piece))


FOLDER = "attacks"
SECONDS_BETWEEN_LINES = 10.0

# Outcomes by name, each with a row for every image.
Rows = dict[str, np.ndarray]


class Stage(NamedTuple):
    """What is done to chosen images.

    Attributes:
      name: of its files; it also determines its random numbers.
      run: a piece of every replica -> outcomes by name, [n, ...] on every replica.
      chosen: int64 [m], positions of the images.
      epsilon: float [m], a radius for each of them, in units of images in [-1, 1].
      kept: names of the outcomes that are kept; all if None.
    """

    name: str
    run: Callable
    chosen: np.ndarray
    epsilon: np.ndarray
    kept: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class AttackBatches:
    """Images, and the devices that work on them.

    The random numbers of a piece follow from its stage and from where it is among all
    pieces of the stage: replicas that take the pieces of one in turns get the same.

    Attributes:
      replicas: the devices.
      workspace: the run's folder.
      images: float32 [N, H, W, C].
      labels: int64 [N].
      batch: images at once, over all replicas.
      save_every: batches between files.
      seed: of the run.
    """

    replicas: Replicas
    workspace: Workspace
    images: np.ndarray
    labels: np.ndarray
    batch: int
    save_every: int
    seed: int

    def outcome(self, stage: Stage) -> Rows:
        """Does what is left of a stage.

        Returns:
          The outcomes of the chosen images, in their order; none where no image is
          chosen.

        Raises:
          EarlyStopError: if a signal asked to stop; what was done is saved.
        """
        num_batches = -(-len(stage.chosen) // self.batch)
        kept = [self._load(stage, index) for index in range(num_batches)]
        gather(self.replicas, 0)  # all workers have looked before one writes
        missing = [index for index, rows in enumerate(kept) if rows is None]
        self._work(stage, missing)
        gather(self.replicas, 0)  # the files of all workers are there
        parts = [rows or self._load(stage, index) for index, rows in enumerate(kept)]
        parts = [part for part in parts if part is not None]
        names = parts[0] if parts else ()
        return {name: np.concatenate([p[name] for p in parts]) for name in names}

    def _work(self, stage: Stage, missing: Sequence[int]) -> None:
        waiting: dict[int, Rows] = {}
        with deferred_stop() as request:
            for count, index in self._shown(stage, missing):
                waiting[index] = self._run(stage, index)
                stopping = any(gather(self.replicas, bool(request)))
                ended = count == len(missing)
                if stopping or ended or len(waiting) == self.save_every:
                    for done, rows in waiting.items():
                        self._save(stage, done, rows)
                    waiting.clear()
                if stopping:
                    cause = request.signal_name or "another worker"
                    raise EarlyStopError(
                        f"Stopped by {cause} and saved after {count} of "
                        f"{len(missing)} batches of {stage.name}."
                    )

    def _shown(self, stage: Stage, missing: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Counts the batches from 1, and shows pace and time left now and then."""
        clock, total = Clock(len(missing), "batches"), len(missing)
        bar = tqdm.tqdm(
            missing,
            stage.name,
            unit=" batches",
            leave=False,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty() or not self.workspace.is_chief,
        )
        told = time.monotonic()
        for count, index in enumerate(bar, start=1):
            yield count, index
            pace, now = clock.tell(count), time.monotonic()
            if count == total or now - told > SECONDS_BETWEEN_LINES:
                told = now
                self.workspace.log(f"{stage.name}: batch {count}/{total}  {pace}")

    def _run(self, stage: Stage, index: int) -> Rows:
        """The outcomes of this worker's rows of a batch, padding cut off."""
        replicas, size = self.replicas, self.replicas.batch_of_each(self.batch)
        rows = np.arange(index * self.batch, (index + 1) * self.batch)
        # Images that are there already fill up the last batch.
        rows = np.where(rows < len(stage.chosen), rows, index * self.batch)
        first = replicas.worker * replicas.num_local
        pieces = [
            self._piece(
                stage,
                rows[piece * size : (piece + 1) * size],
                index * replicas.count + piece,
            )
            for piece in range(first, first + replicas.num_local)
        ]
        done = stage.run(distributed(replicas, pieces), tf.zeros([2], tf.int32))
        parts = local(replicas, done)
        own = len(self._own(stage, index, replicas.worker))
        return {
            name: np.concatenate([part[name] for part in parts])[:own]
            for name in stage.kept or parts[0]
        }

    def _piece(self, stage: Stage, rows: np.ndarray, number: int) -> Piece:
        key = seeds.key(self.seed, Purpose.ATTACKS)
        key = tf.random.fold_in(key, zlib.crc32(stage.name.encode()) & 0x7FFFFFFF)
        chosen = stage.chosen[rows]
        return Piece(
            self.images[chosen],
            self.labels[chosen],
            stage.epsilon[rows].astype(np.float32),
            tf.random.fold_in(key, number),
        )

    def _own(self, stage: Stage, index: int, worker: int) -> np.ndarray:
        """The positions that a worker has of a batch."""
        share = self.batch // self.replicas.count * self.replicas.num_local
        first = index * self.batch + worker * share
        last = min(first + share, (index + 1) * self.batch)
        return stage.chosen[first:last]

    def _save(self, stage: Stage, index: int, rows: Rows) -> None:
        worker = self.replicas.worker
        chosen = self._own(stage, index, worker)
        if len(chosen):
            about = {"num_replicas": self.replicas.count, "positions": chosen}
            path = self._path(stage, index, worker)
            make_folder(os.path.dirname(path))
            save_arrays(path, **about, **rows)

    def _load(self, stage: Stage, index: int) -> Rows | None:
        """The outcomes of a batch in the files of all workers; None if one lacks."""
        parts = []
        for worker in range(self.replicas.count // self.replicas.num_local):
            chosen = self._own(stage, index, worker)
            if not len(chosen):
                continue
            path = self._path(stage, index, worker)
            if not tf.io.gfile.exists(path):
                return None
            try:
                rows = load_arrays(path)
            except RunError as error:
                self.workspace.log(f"{error} It is made anew.")
                return None
            parts.append(self._checked(rows, path, chosen))
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _checked(self, rows: Rows, path: str, chosen: np.ndarray) -> Rows:
        """What a file holds of the chosen images."""
        if rows.pop("num_replicas") != self.replicas.count:
            raise RunError(
                f"{path} was made with other replicas than these "
                f"{self.replicas.count}: go on with those that began the run."
            )
        if not np.array_equal(rows.pop("positions"), chosen):
            raise RunError(f"{path} is of other images: begin a new run.")
        return rows

    def _path(self, stage: Stage, index: int, worker: int) -> str:
        name = f"{index:05d}_{worker}.npz"
        return os.path.join(
            self.workspace.folder, CHECKPOINTS, FOLDER, stage.name, name
        )


@dataclasses.dataclass(frozen=True)
class Stages:
    """Looks at images and attacks them.

    Attributes:
      session: the classifier.
      batches: the images.
    """

    session: RobustnessSession
    batches: AttackBatches

    def natural(self, name: str) -> Rows:
        """Looks at all natural images."""
        everything = np.arange(len(self.batches.labels))
        stage = Stage(name, self._look, everything, np.zeros(len(everything)))
        return self.batches.outcome(stage)

    def in_ball(self, name: str, chosen: np.ndarray) -> Rows:
        """Runs the named attack on the chosen images, in the ball of the config."""
        radius = pixels.from_255ths(self.session.config.ball.epsilon)
        epsilon = np.full(len(chosen), radius)
        return self._outcome(Stage(name, self._attacks[name], chosen, epsilon))

    def in_balls(
        self,
        attack: str,
        name: str,
        chosen: np.ndarray,
        radii: np.ndarray,
        *kept: str,
    ) -> Rows:
        """Runs an attack in a ball of its own around each chosen image.

        Args:
          attack: its name.
          name: of the stage.
          chosen: int64 [m], positions of the images.
          radii: float [m], in 255ths.
          *kept: names of the outcomes that are wanted.
        """
        epsilon = pixels.from_255ths(1.0) * radii
        return self._outcome(Stage(name, self._attacks[attack], chosen, epsilon, kept))

    def _outcome(self, stage: Stage) -> Rows:
        nothing = {
            "images": self.batches.images[:0],
            "broken": np.zeros(0, bool),
            "claimed": np.zeros(0, bool),
            "prediction": np.zeros(0, np.int64),
        }
        return self.batches.outcome(stage) or nothing

    @functools.cached_property
    def _judge(self) -> PieceFn:
        return judging(self.session.classifier, self.session.num_verifications)

    @functools.cached_property
    def _look(self) -> Callable:
        return compiled(self.session.replicas, self._judge)

    @functools.cached_property
    def _attacks(self) -> dict[str, Callable]:
        """The attacks, each traced when it is first run."""
        return {
            name: compiled(self.session.replicas, attacking(attack, self._judge))
            for name, attack in self.session.attacks.items()
        }
