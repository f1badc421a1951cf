"""Measures where gradients of a classifier point: python3 ebm_tf/align.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("align"))

import functools
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.config.alignment import AlignmentMeasurement
from ebm_tf.config.attacks import Ball
from ebm_tf.config.robustness import ClassifierAttacks
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images, num_images
from ebm_tf.data.sources import (
    FIRST_FEW,
    Source,
    deferred,
    require_classes,
    where_it_lies,
)
from ebm_tf.directions.opening import OpenDirections, open_directions
from ebm_tf.evaluation import robustness
from ebm_tf.evaluation.alignment import gradients, linearity, plots, points, searches
from ebm_tf.evaluation.alignment.parts import NUM_PICTURED, Part, save_table
from ebm_tf.evaluation.attack_phases import Phases
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.plots import save_grid
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.provenance import Provenance, provenance


class System(NamedTuple):
    """What is measured.

    Attributes:
      replicas: the devices.
      model: the classifier, with its weights.
      weights: the file that they are from.
      source: of the images.
      directions: those that gradients are compared with, by what they are, and those
        that are compared with them, where there are any.
      provenance: what there is to say of the run that learned the classifier.
    """

    replicas: Replicas
    model: LoadedModel
    weights: str
    source: Source
    directions: Mapping[str, OpenDirections]
    provenance: Provenance

    def lines(self) -> Iterator[str]:
        """On weights and directions, for people."""
        yield f"weights of the classifier: {self.weights}"
        for role, found in self.directions.items():
            yield from (f"{role}: {text}" for text in found.lines)


def run(config: AlignmentMeasurement, workspace: Workspace) -> dict[str, Any]:
    """Measures gradients, then attacks.

    Returns:
      On the first worker, all figures and what they stand for; nothing on others.
    """
    system = open_system(config)
    require_same(workspace, _inputs(system))
    for text in system.lines():
        workspace.log(text)
    system.provenance.log_notes(workspace)
    images, labels = _labelled(config, system)
    aligned = _aligned(config, system, (images, labels), workspace)
    phases = _phases(config, system, (images, labels), workspace)
    right = aligned.arrays["prediction"] == labels
    parts = {"searches": searches.measure(config, phases, right, workspace)}
    if config.linearity is not None:
        linear = np.min(aligned.arrays["distances"], axis=1)
        parts["linearity"] = linearity.measure(phases, linear, right, workspace)
    if config.score_curve:
        logits = over_rows(system.model.classifier, system.replicas, config.batch)
        seed = seeds.integer(config.seed, Purpose.PICTURES)
        dimensions = config.data.channels
        parts["score_curve"] = points.measure(logits, dimensions, seed, workspace)
    warnings = system.provenance.warnings
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    if not workspace.is_chief:
        return {}
    arrays = aligned.arrays | {"labels": labels}
    for name, part in parts.items():
        arrays |= {f"{name}/{key}": values for key, values in part.arrays.items()}
    save_arrays(workspace.path("alignment.npz"), **arrays)
    save_table(workspace.path("alignment.csv"), arrays)
    return {
        "num_images": len(labels),
        **robustness.accuracy("accuracy", right),
        **aligned.results,
        **{name: part.results for name, part in parts.items() if part.results},
        "data": config.data.name,
        "split": config.data.split,
        "weights": system.weights,
        "seed": config.seed,
        "warnings": warnings,
        "units": gradients.MEANINGS | searches.MEANINGS | linearity.MEANINGS,
    }


def describe(config: AlignmentMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    system = open_system(config)
    yield summary(CLASSIFIER, system.model.networks[CLASSIFIER])
    yield from system.lines()
    for search in config.searches:
        yield f"{search.name}: radii {', '.join(f'{r:g}' for r in search.radii)}"
    yield from system.provenance.lines()
    source, number = system.source, num_images(system.source, config.num_images)
    yield f"data: {number:,} images of {source.name}, {where_it_lies(source)}"
    _labelled(config, system, few=True)


def open_system(config: AlignmentMeasurement) -> System:
    """Builds the classifier on the devices, with its weights, and directions.

    Raises:
      UserError: if a device or a weight file is missing or does not fit, or the data
        know no directions where theirs are asked for; if a dataset is missing, what
        first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)
    source = deferred(functools.partial(open_source, config.data))
    wanted = {"directions": config.directions, "estimated": config.estimated}
    with replicas.strategy.scope():
        model = open_model(
            config, [CLASSIFIER], shared=config.weights, kind=config.weights_kind
        )
        weights = model.load()[CLASSIFIER]
        directions = {
            role: open_directions(settings, config, source, role)
            for role, settings in wanted.items()
            if settings is not None
        }
    where = provenance(config, model.sources)
    return System(replicas, model, weights, source, directions, where)


def _inputs(system: System) -> dict[str, str]:
    """Hashes of what is read, for `require_same`."""
    inputs = system.model.digests(None)
    for role, directions in system.directions.items():
        inputs |= {f"{role}: {name}": x for name, x in directions.digests.items()}
    return inputs | {"images": system.source.digest(system.source.num_examples)}


def _labelled(
    config: AlignmentMeasurement, system: System, *, few: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 [n, H, W, C] and labels int64 [n], in file order.

    Raises:
      DataError: if a label is none of the classes.
    """
    limit = FIRST_FEW if few else config.num_images
    images, labels = load_images(system.source, config.data, limit=limit)
    num_classes = system.model.networks[CLASSIFIER].output_shape[-1]
    setting = "the classifier's num_classes"
    require_classes(labels, num_classes, system.source, setting=setting)
    return images, labels


def _aligned(
    config: AlignmentMeasurement,
    system: System,
    labelled: tuple[np.ndarray, np.ndarray],
    workspace: Workspace,
) -> Part:
    """Gradients beside directions, with pictures of the first images."""
    estimated = system.directions.get("estimated")
    rows = gradients.gradient_rows(
        system.model.classifier,
        system.directions["directions"].differences,
        estimated.differences if estimated else None,
        num_wrong=config.num_wrong,
    )
    key = seeds.key(config.seed, Purpose.STARTS)
    count = system.replicas.count

    def keys(index: int, replica: int) -> tf.Tensor:
        return tf.random.fold_in(key, index * count + replica)

    compiles = all(one.compiles for one in system.directions.values())
    run_rows = over_rows(
        rows, system.replicas, config.batch, jit=None if compiles else False
    )
    found = run_rows(*labelled, keys=keys)
    found = {
        name: values[:NUM_PICTURED] if name in gradients.PICTURES else values
        for name, values in found.items()
    }
    results = gradients.results(config, found, labelled[1])
    for role, directions in system.directions.items():
        if metrics := directions.metrics():
            results[f"{role}_found"] = metrics
    for text in gradients.lines(results):
        workspace.log(text)
    if workspace.is_chief:
        images, labels = (values[:NUM_PICTURED] for values in labelled)
        save_grid(workspace.path("images", "data.png"), images)
        plots.save_directions(workspace, images, labels, found)
        plots.save_histograms(workspace.path("plots", "alignments.png"), found)
    return Part(results, found)


def _phases(
    config: AlignmentMeasurement,
    system: System,
    labelled: tuple[np.ndarray, np.ndarray],
    workspace: Workspace,
) -> Phases:
    """The attacks of all parts, which go on where a run was stopped."""
    classifier = system.model.classifier
    attacks = searches.search_attacks(config, classifier)
    if config.linearity is not None:
        ball = Ball(norm="l2", in_range=config.in_range)
        attack = carlini_wagner(classifier, config.linearity, ball)
        attacks[linearity.CARLINI_WAGNER] = attack
    settings = ClassifierAttacks(
        name=config.name,
        seed=config.seed,
        auto_attack=None,
        batch=config.batch,
        save_every=config.save_every,
    )
    return Phases(settings, system.replicas, workspace, *labelled, classifier, attacks)
