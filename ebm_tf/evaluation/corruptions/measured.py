"""Accuracy and E(x) of a classifier on corrupted images, by severity."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ebm_tf import pixels
from ebm_tf.attacks.outcomes import errs
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.core import to_mapping
from ebm_tf.config.corruption import AnyCorruptions, Corruptions
from ebm_tf.data.corrupted_files import CorruptedFiles, open_folder
from ebm_tf.data.corruptions import corrupted
from ebm_tf.errors import DataError
from ebm_tf.evaluation.energy_statistics import mean_interval
from ebm_tf.evaluation.robustness import accuracy
from ebm_tf.protocols import Classifier, Energy
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose

MEANINGS = {
    "corruptions": "accuracy: fraction of right answers, 95 % interval of Wilson; "
    "energy: E(x), its mean with the 95 % interval of the normal distribution; "
    "mean_accuracy: over all corruptions and severities, which count alike; clean: the "
    "test images themselves"
}
# Images that are in memory at once, besides the test images.
_CHUNK = 2000
NUM_PICTURED = 1

# (severity, first, last) -> images uint8 [last - first, H, W, C].
ReadFn = Callable[[int, int, int], np.ndarray]
# Images float32 [n, H, W, C] -> logits [n, k] and E(x) [n].
MeasureFn = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Corrupted(NamedTuple):
    """What was measured.

    Attributes:
      results: the figures, with a list of "rows".
      arrays: logits, energies and labels, by CORRUPTION/SEVERITY/NAME.
      pictures: of each corruption, an image at each severity, uint8 [s, H, W, C].
    """

    results: dict[str, Any]
    arrays: dict[str, np.ndarray]
    pictures: dict[str, np.ndarray]


class Sets(NamedTuple):
    """Corrupted images, that are made or read where they are asked for.

    Attributes:
      names: of the corruptions.
      num: images of each severity.
      labels: severity -> int64 [num].
      opened: name -> context manager of a `ReadFn`.
      line: what they are, for people.
    """

    names: tuple[str, ...]
    num: int
    labels: Callable[[int], np.ndarray]
    opened: Callable[[str], contextlib.AbstractContextManager[ReadFn]]
    line: str


def open_sets(
    config: Analysis, images: np.ndarray, labels: np.ndarray, num_classes: int
) -> Sets:
    """What `config.corruptions` names; files are looked at, and few images are read.

    Args:
      config: of the measurement.
      images: test images float32 [n, H, W, C], which are corrupted or tell how many of
        each file are read.
      labels: theirs, int64 [n].
      num_classes: of the classifier.

    Raises:
      DataError: if files are missing or do not fit, or a label is none of the classes.
    """
    settings = config.corruptions
    if settings is None:
        raise ValueError("Expected corruptions.")
    if isinstance(settings, Corruptions):
        seed = seeds.integer(config.seed, Purpose.SAMPLES)
        return _made(settings.names, images, labels, seed)
    files = open_folder(settings, config.data)
    if files.labels.min() < 0 or files.labels.max() >= num_classes:
        raise DataError(
            f"The labels in {settings.folder} are {files.labels.min()} to "
            f"{files.labels.max()}, but the classifier's num_classes={num_classes}."
        )
    return _read(files, min(files.num_images, config.num_test or files.num_images))


def _made(
    names: tuple[str, ...], images: np.ndarray, labels: np.ndarray, seed: int
) -> Sets:
    as_bytes = pixels.to_bytes(images)

    @contextlib.contextmanager
    def opened(name: str) -> Iterator[ReadFn]:
        def read(severity: int, first: int, last: int) -> np.ndarray:
            some = as_bytes[first:last]
            return corrupted(some, name, severity, seed=seed, first=first)

        yield read

    line = f"corruptions of the test images: {', '.join(names)}"
    return Sets(names, len(images), lambda _: labels, opened, line)


def _read(files: CorruptedFiles, num: int) -> Sets:
    @contextlib.contextmanager
    def opened(name: str) -> Iterator[ReadFn]:
        with files.opened(name) as images:
            yield lambda severity, *rows: np.array(images[severity - 1, slice(*rows)])

    line = f"corrupted: {num:,} images a severity of {files.folder}: "
    line += ", ".join(files.names)
    return Sets(files.names, num, lambda s: files.labels_at(s, num), opened, line)


def measurer(
    classifier: Classifier, energy: Energy, replicas: Replicas, batch: int
) -> MeasureFn:
    """What gives logits and energies of any number of images, on all replicas."""
    return over_rows(
        lambda images: (classifier(images), energy(images)), replicas, batch
    )


def measured(
    settings: AnyCorruptions,
    sets: Sets,
    measure: MeasureFn,
    clean: tuple[np.ndarray, np.ndarray],
    log: Callable[[str], None],
) -> Corrupted:
    """Measures every corruption at every severity.

    Args:
      settings: of the corruptions.
      sets: the corrupted images.
      measure: logits and energies of images.
      clean: test images float32 [n, H, W, C] in [-1, 1] and labels [n].
      log: takes lines for people.
    """
    of_clean = _figures(*measure(clean[0]), clean[1])
    rows, arrays, pictures = [], {}, {}
    for name in sets.names:
        shown = []
        with sets.opened(name) as read:
            for severity in settings.severities:
                labels = sets.labels(severity)
                logits, energies = _in_chunks(measure, read, severity, sets.num)
                figures = _figures(logits, energies, labels)
                rows.append({"corruption": name, "severity": severity, **figures})
                found = {"logits": logits, "energy": energies, "labels": labels}
                arrays |= {f"{name}/{severity}/{k}": v for k, v in found.items()}
                shown.append(read(severity, 0, NUM_PICTURED)[0])
        pictures[name] = np.stack(shown)
        log(_line(name, rows[-len(settings.severities) :]))
    results = {
        "settings": to_mapping(settings),
        "num_images": sets.num,
        "clean": of_clean,
        "mean_accuracy": float(np.mean([row["accuracy"] for row in rows])),
        "rows": rows,
    }
    return Corrupted(results, arrays, pictures)


def _in_chunks(
    measure: MeasureFn, read: ReadFn, severity: int, num: int
) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for first in range(0, num, _CHUNK):
        images = read(severity, first, min(first + _CHUNK, num))
        parts.append(measure(pixels.from_bytes(images).numpy()))
    logits, energies = (np.concatenate(part) for part in zip(*parts, strict=True))
    return logits, energies


def _figures(
    logits: np.ndarray, energies: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    return {
        **accuracy("accuracy", ~errs(logits, labels).numpy()),
        "energy_mean": float(np.mean(energies, dtype=np.float64)),
        "energy_mean_interval": mean_interval(energies),
    }


def _line(name: str, rows: list[dict[str, Any]]) -> str:
    figures = (
        f"{row['severity']}: {row['accuracy']:.3f} ({row['energy_mean']:.3g})"
        for row in rows
    )
    return f"{name}, accuracy (mean E(x)) by severity: {', '.join(figures)}"
