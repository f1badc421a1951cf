"""Which images are not learned from, by the energies of a classifier that judges.

Mirza et al. (2024) learn again without images of high or of low energy, to see what
they do to robustness.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.attacks.outcomes import predicted
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.removal import EnergyRemoval
from ebm_tf.data.pipelines import images_in_order
from ebm_tf.data.sources import Source, require_classes, subset, unaugmented
from ebm_tf.errors import DataError, UnnamedWeightsError, WeightsError
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas, gather
from ebm_tf.runtime.files import exists, load_arrays, save_arrays
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import CLASSIFIER

FILE = "removal.npz"


class Judged(NamedTuple):
    """What a classifier says of the images of a split, in file order.

    Attributes:
      energies: E(x), float32 [n].
      predictions: int64 [n].
      labels: int64 [n].
    """

    energies: np.ndarray
    predictions: np.ndarray
    labels: np.ndarray


class Removal(NamedTuple):
    """Which images of a split are left out, and why.

    Attributes:
      judged: by what they were chosen.
      removed: bool [n].
      threshold: of the energies.
    """

    judged: Judged
    removed: np.ndarray
    threshold: float

    def applied(self, source: Source) -> Source:
        """The images of the source that are left."""
        return subset(source, np.flatnonzero(~self.removed))

    @property
    def facts(self) -> dict[str, Any]:
        """The numbers of images, of each class too, and the threshold."""
        labels = self.judged.labels
        classes = int(labels.max()) + 1
        return {
            "num_images": len(labels),
            "num_removed": int(self.removed.sum()),
            "num_removed_by_class": np.bincount(
                labels[self.removed], minlength=classes
            ).tolist(),
            "threshold": self.threshold,
            "energy_mean": float(self.judged.energies.mean(dtype=np.float64)),
        }

    def lines(self, settings: EnergyRemoval) -> Iterator[str]:
        """What is left out, for people."""
        facts, which = self.facts, "> " if settings.side == "high" else "<= "
        which = f"E(x) {which}{self.threshold:.4g}"
        if settings.only_correct:
            which += " that are classified correctly"
        if settings.at_random:
            which = f"at random, as many of each class as have {which}"
        yield (
            f"removed: {facts['num_removed']:,} of {facts['num_images']:,} images, "
            f"{which}; by class {facts['num_removed_by_class']}"
        )


def removal(
    config: ClassifierTraining,
    source: Source,
    replicas: Replicas,
    workspace: Workspace | None = None,
) -> Removal | None:
    """Decides which images of the data are left out; None where all are learned from.

    Args:
      config: of the run that learns.
      source: its data, whole.
      replicas: its devices.
      workspace: where the decision is kept and logged, so that a run which goes on does
        not depend on the classifier any more; nowhere if None.

    Raises:
      UserError: if weights are missing or do not fit, or too few images are left.
    """
    if config.removal is None:
        return None
    path = os.path.join(workspace.folder, FILE) if workspace else ""
    # Asked of all workers before one writes: they judge together or not at all.
    if workspace and all(gather(replicas, exists(path))):
        return _read(path)
    judged = _judged(config, source, replicas)
    seed = seeds.integer(config.seed, Purpose.SUBSET)
    found = chosen(config.removal, judged, seed)
    left = int((~found.removed).sum())
    if left < config.batch:
        raise DataError(
            f"Removal leaves {left} of {len(found.removed)} images, fewer than one "
            f"batch={config.batch}: change removal.threshold or removal.quantile."
        )
    if workspace:
        for line in found.lines(config.removal):
            workspace.log(line)
        if workspace.is_chief:
            save_arrays(path, **judged._asdict(), **_kept(found))
    return found


def _kept(found: Removal) -> dict[str, Any]:
    return {"removed": found.removed, "threshold": np.float64(found.threshold)}


def _read(path: str) -> Removal:
    stored = load_arrays(path)
    judged = Judged(*(stored[name] for name in Judged._fields))
    return Removal(judged, stored["removed"], float(stored["threshold"]))


def chosen(settings: EnergyRemoval, judged: Judged, seed: int) -> Removal:
    """Chooses what is left out; `seed` is for settings.at_random."""
    energies = judged.energies.astype(np.float64)
    eligible = np.ones(len(energies), bool)
    if settings.only_correct:
        eligible = judged.predictions == judged.labels
    if settings.threshold is not None:
        threshold = settings.threshold
    elif eligible.any():
        threshold = float(np.quantile(energies[eligible], settings.quantile or 0.0))
    else:
        threshold = float("nan")  # nothing may be removed
    beyond = energies > threshold if settings.side == "high" else energies <= threshold
    removed = beyond & eligible
    if settings.at_random:
        removed = _as_many(removed, eligible, judged.labels, seed)
    return Removal(judged, removed, threshold)


def _as_many(
    removed: np.ndarray, eligible: np.ndarray, labels: np.ndarray, seed: int
) -> np.ndarray:
    """As many images of each class that may be removed, at random: bool [n]."""
    generator, others = np.random.default_rng(seed), np.zeros_like(removed)
    for label in np.unique(labels):
        places = np.flatnonzero(eligible & (labels == label))
        number = np.count_nonzero(removed & (labels == label))
        others[generator.choice(places, number, replace=False)] = True
    return others


def _judged(config: ClassifierTraining, source: Source, replicas: Replicas) -> Judged:
    """Energies and predictions of all images of the data, not augmented."""
    model = _judge(config, replicas)
    network, energy = model.classifier, model.energy
    judge = over_rows(
        lambda images: (energy(images), predicted(network(images))),
        replicas,
        config.evaluation_batch,
    )
    parts = []
    data, batch = unaugmented(config.data), config.evaluation_batch
    for images, labels in images_in_order(source, data, batch=batch):
        parts.append((*judge(images), labels))
    judged = Judged(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    classes = config.classifier.num_classes
    require_classes(judged.labels, classes, source, setting="classifier.num_classes")
    if not np.isfinite(judged.energies).all():
        raise WeightsError(
            f"The classifier of removal.weights={_named(config)} gives energies that "
            "are not finite."
        )
    return judged


def _named(config: ClassifierTraining) -> str | None:
    return config.removal and config.removal.weights


def _judge(config: ClassifierTraining, replicas: Replicas) -> LoadedModel:
    """The classifier that judges, with its weights."""
    weights = _named(config)
    if weights is None:
        raise UnnamedWeightsError(
            f"{config.name} removes images by the energies of a classifier: --set "
            "removal.weights=RUN, the folder of the run that learned it or "
            "release:NAME."
        )
    fresh = dataclasses.replace(config.classifier, weights=None)
    judging = dataclasses.replace(config, classifier=fresh)
    with replicas.strategy.scope():
        model = open_model(judging, [CLASSIFIER], shared=weights)
    model.load()
    return model
