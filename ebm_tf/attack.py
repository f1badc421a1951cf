"""Attacks a classifier, alone or behind an energy: python3 ebm_tf/attack.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("attack"))

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from ebm_tf import keyed_noise
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import to_mapping
from ebm_tf.config.defense import DefenseMeasurement, Purification
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import (
    FIRST_FEW,
    Source,
    deferred,
    first_positions,
    positions_at_random,
    require_classes,
    subset,
    where_it_lies,
)
from ebm_tf.evaluation import (
    attack_phases,
    defense_record,
    plots,
    purified_descriptions,
    verdicts,
)
from ebm_tf.evaluation.attack_phases import Phases, named_attacks
from ebm_tf.evaluation.attacked import attack_all, metrics
from ebm_tf.evaluation.batch_files import Arrays, BatchWork, outcomes
from ebm_tf.evaluation.leaderboard import summaries
from ebm_tf.evaluation.purified_setup import PurifiedSystem, purified_system
from ebm_tf.evaluation.radii import after_smaller_radii, by_radius, metrics_by_radius
from ebm_tf.evaluation.robustness import UNITS
from ebm_tf.runtime import actions, seeds
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.run_folders import versions
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import CLASSIFIER, ENERGY, PRIOR
from ebm_tf.store.provenance import Provenance, provenance

Config = RobustnessMeasurement | DefenseMeasurement
MOST_TURNED = 16  # images by which it is measured what a chain does to gradients


@dataclasses.dataclass(frozen=True, eq=False)
class System:
    """What is attacked.

    Attributes:
      config: of the measurement.
      replicas: the devices.
      split: of which some images are attacked; it is opened when it is read.
      model: the classifier, and the networks that purify images for it.
      weights: the files that the networks are from, by role.
      provenance: what there is to say of the runs that learned them.
    """

    config: Config
    replicas: Replicas
    split: Source
    model: LoadedModel
    weights: dict[str, str]
    provenance: Provenance

    @property
    def num_classes(self) -> int:
        """Of the classifier."""
        return self.model.networks[CLASSIFIER].output_shape[-1]

    @functools.cached_property
    def positions(self) -> np.ndarray:
        """Int64 [n], of the natural images in the split, in rising order."""
        config, total = self.config, self.split.num_examples
        num = min(config.num_images or total, total)
        if config.subset == "first":
            return first_positions(self.split, num)
        seed = seeds.integer(config.seed, Purpose.SUBSET)
        return positions_at_random(total, num, seed)

    @functools.cached_property
    def source(self) -> Source:
        """The natural images, in file order."""
        return subset(self.split, self.positions)

    @property
    def places(self) -> dict[str, np.ndarray]:
        """The arrays of a record that say which images of the split are attacked."""
        ids = self.source.ids()
        return {"positions": self.positions} | ({"ids": ids} if len(ids) else {})

    def notes(self) -> Iterator[str]:
        """What the attacks do otherwise than the config says."""
        if isinstance(self.config, DefenseMeasurement):
            return purified_descriptions.notes(self.config, self.num_classes)
        return attack_phases.notes(self.config, self.num_classes)


def run(config: Config, workspace: Workspace) -> dict[str, Any]:
    """Attacks, or goes on with it, and measures how much accuracy is left.

    Returns:
      On the first worker, accuracies with their intervals, reasons not to believe
      them, if there are any, and what they were made with; nothing on others.
    """
    system = open_system(config)
    digest = system.source.digest(system.source.num_examples)
    inputs = system.model.digests(None) | {"images of the data": digest}
    require_same(workspace, inputs)
    for role, path in system.weights.items():
        workspace.log(f"Weights of the {role}: {path}")
    system.provenance.log_notes(workspace)
    notes = list(system.notes())
    for note in notes:
        workspace.log(f"Note: {note}.")
    if isinstance(config, DefenseMeasurement):
        results = _attack_purified(config, system, workspace)
    else:
        results = _attack_alone(config, system, workspace)
    results["warnings"] += system.provenance.warnings
    for warning in results["warnings"]:
        workspace.log(f"Warning: {warning}")
    if notes:
        results["notes"] = notes
    return results if workspace.is_chief else {}


def describe(config: Config) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    if isinstance(config, DefenseMeasurement):  # before it is asked for weights
        yield from purified_descriptions.description(config)
        yield from purified_descriptions.memory_of_states(config)
    system = open_system(config)
    for role, model in system.model.networks.items():
        yield summary(role, model)
        yield f"weights of the {role}: {system.weights[role]}"
    if isinstance(config, DefenseMeasurement):
        yield from purified_descriptions.memory_of_features(config, system.model.ebm)
    else:
        yield f"attacks: {', '.join(named_attacks(config, system.model.classifier))}"
    yield from (f"note: {note}" for note in system.notes())
    yield from system.provenance.lines()
    count, source = len(system.positions), system.source
    yield f"data: {count:,} images of {source.name}, {where_it_lies(source)}"
    natural_images(config, system, FIRST_FEW)  # which looks at their labels


def open_system(config: Config) -> System:
    """Builds the networks on the devices, with their weights.

    Raises:
      UserError: if a device or a weight file is missing or does not fit; if a dataset
        is missing, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    purifies = isinstance(config, DefenseMeasurement)
    replicas.batch_of_each(config.chunk if purifies else config.batch)
    model = _model(config, replicas)
    return System(
        config,
        replicas,
        deferred(lambda: open_source(config.data)),
        model,
        model.load(),
        provenance(config, model.sources),
    )


def _model(config: Config, replicas: Replicas) -> LoadedModel:
    """The classifier, and the networks that purify images for it, where any do."""
    with replicas.strategy.scope():
        if isinstance(config, RobustnessMeasurement):
            return open_model(
                config, [CLASSIFIER], shared=config.weights, kind=config.weights_kind
            )
        roles = (ENERGY, PRIOR) if config.defense.num_steps else ()
        roles = [role for role in roles if getattr(config, role) is not None]
        classifier = _defended(config)
        purifier = open_model(
            config, roles, shared=config.weights, kind=config.weights_kind
        )
        return purifier | classifier


def _defended(config: DefenseMeasurement) -> LoadedModel:
    """The classifier; of the run of the energy where that is a classifier too."""
    if not isinstance(config.energy, ClassifierNetwork):
        return open_model(config, [CLASSIFIER])
    kind = "raw" if config.weights_kind == "raw" else "best"  # as the energy's weights
    return open_model(config, [CLASSIFIER], shared=config.weights, kind=kind)


def natural_images(
    config: Config, system: System, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [n, H, W, C] and labels int64 [n], in file order.

    Raises:
      DataError: if a label is none of the classes.
    """
    images, labels = load_images(system.source, config.data, limit=limit)
    setting = "the classifier's num_classes"
    require_classes(labels, system.num_classes, system.source, setting=setting)
    return images, labels


def _attack_alone(
    config: RobustnessMeasurement, system: System, workspace: Workspace
) -> dict[str, Any]:
    images, labels = natural_images(config, system)
    # One function, so that it is traced and differentiated once for all attacks.
    classifier = tf.function(system.model.classifier, autograph=False)
    attacks = named_attacks(config, classifier)
    phases = Phases(
        config, system.replicas, workspace, images, labels, classifier, attacks
    )
    findings = attack_all(phases)
    found, predictions = findings.verdicts, findings.natural["prediction"]
    record, curves = system.places, {}
    if config.curve or config.median:
        radii = by_radius(config, phases, found)
        found = after_smaller_radii(found, radii)
        record |= radii.arrays()
        curves = metrics_by_radius(config, found, radii)
    if workspace.is_chief:
        record |= verdicts.to_arrays(found, images, labels, predictions)
        save_arrays(workspace.path("record.npz"), **record)
        plots.save_verdicts(workspace, found, images, predictions)
        if config.curve:
            plots.save_accuracy_by_radius(workspace, config, curves["curve"])
    settings = ("ball", "pgd", "auto_attack", "probability_margin", "carlini_wagner")
    measured = metrics(phases, findings._replace(verdicts=found))
    name = system.model.name_of(CLASSIFIER)
    return {
        "summary": summaries.summary(config, measured, name, versions()),
        **measured,
        **curves,
        **_facts(config, *settings),
        "weights": system.weights[CLASSIFIER],
    }


def _facts(config: Config, *settings: str) -> dict[str, Any]:
    """What the metrics were measured with; some settings by their names."""
    values = {name: getattr(config, name) for name in settings}
    return {
        "data": config.data.name,
        "split": config.data.split,
        "subset": config.subset,
        **{
            name: to_mapping(value) if dataclasses.is_dataclass(value) else value
            for name, value in values.items()
        },
        "seed": config.seed,
        "units": UNITS,
    }


def _attack_purified(
    config: DefenseMeasurement, system: System, workspace: Workspace
) -> dict[str, Any]:
    images, labels = natural_images(config, system)
    classifier = system.model.classifier
    purified = purified_system(config, system.replicas, classifier, system.model.ebm)

    def rows(batch: int) -> slice:
        return slice(batch * config.batch, (batch + 1) * config.batch)

    def attacked(batch: int) -> Arrays:
        chosen = images[rows(batch)], labels[rows(batch)]
        record = purified.attack.run(*chosen, system.positions[rows(batch)])
        return defense_record.to_arrays(*chosen, record)

    total = -(-len(images) // config.batch)
    work = BatchWork(
        make=attacked,
        num_batches=total,
        path=lambda batch: workspace.path("records", f"{batch + 1:05d}.npz"),
        about=lambda batch: {"positions": system.positions[rows(batch)]},
        metrics=defense_record.accuracies_in_batch,
    )
    happens = [
        actions.show_progress(total, "batches"),
        actions.log_metrics(workspace, total, 1, "batches"),
    ]
    records = outcomes(
        work, system.replicas, workspace, happens, save_every=config.save_every
    )
    record = defense_record.joined(records) | system.places
    if workspace.is_chief:
        save_arrays(workspace.path("data_log", "results.npz"), **record)
        plots.save_defended(workspace, config.name, record["class_path"])
    plots.save_purified(workspace, record, purified.purify, classifier)
    settings = ["ball", "attack", "defense", "num_final_replicates", "weights_kind"]
    if isinstance(config.defense, Purification):
        settings += ["langevin", "temperature"]
    return {
        **defense_record.metrics(config, record, _turn(purified, images)),
        **_facts(config, *settings),
        "weights": system.weights,
    }


def _turn(purified: PurifiedSystem, images: np.ndarray) -> float | None:
    """How far the chain turns gradients, in the mean over the first images."""
    if purified.turn is None:
        return None
    few = images[:MOST_TURNED]
    keys = keyed_noise.fold_in(purified.attack.evaluator.key, tf.range(len(few)))
    return float(np.mean(purified.turn(few, keys)))
