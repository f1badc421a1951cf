"""Samples a learned energy and measures the images: python3 ebm_tf/fid.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("fid"))

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np

from ebm_tf.config.fid import SampleMeasurement, Sweep, distance_name
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import describe_data, num_batches, num_images
from ebm_tf.data.sources import Source, deferred
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.evaluation.features import Extractor, extracted, open_extractor
from ebm_tf.evaluation.frechet import load_moments, save_moments
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import Summary, compare, few_references, summarize
from ebm_tf.runtime import plots, seeds
from ebm_tf.runtime.distribution import Replicas, gather, make_replicas
from ebm_tf.runtime.files import exists, sha256_of
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.segments import load_samples, run_chains, schedule_of
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import ENERGY, GENERATOR, PRIOR
from ebm_tf.store.provenance import provenance


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a measurement is made of.

    Attributes:
      config: the experiment.
      replicas: its devices.
      model: the networks that are needed, all where chains move.
      chains: that are run.
      source: the images that samples are compared with; None where nothing needs
        a dataset.
      extractor: of their features.
      steps: the saved weights that are measured, by their number of updates; None
        among them are the newest.
    """

    config: SampleMeasurement
    replicas: Replicas
    model: LoadedModel
    chains: EbmSampling
    source: Source | None
    extractor: Extractor
    steps: Sequence[int | None]


def run(config: SampleMeasurement, workspace: Workspace) -> dict[str, Any]:
    """Measures the newest weights of a run, or many of them one after the other.

    The moments of the samples stay in ``moments/STEPS.npz`` of the run's folder, or of
    each part of a sweep. Another measurement compares its samples with them by
    ``--set reference=FOLDER/moments/00000100.npz``.
    """
    parts = build(config)
    require_same(workspace, inputs(parts))
    if config.moves:
        provenance(config, parts.model.sources).log_notes(workspace)
    reference = reference_of(parts, workspace)
    if config.sweep is not None:
        return _sweep(parts, reference, workspace)
    results = measure(parts, None, reference, workspace)
    rows = results.get("by_num_steps", [])  # of the first worker
    plot_distances({config.name: rows}, "num_steps", parts.extractor.name, workspace)
    return results


def inputs(parts: Parts) -> dict[str, str]:
    """Hashes of what a measurement reads, for `require_same`."""
    found = parts.model.digests(*parts.steps)
    if (source := parts.source) is not None:
        found["images of the data"] = source.digest(source.num_examples)
    if (path := parts.config.reference) and exists(path):
        found["moments of the reference"] = sha256_of(path)
    return found


def describe(config: SampleMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    parts = build(config)
    for role, network in parts.model.networks.items():
        yield summary(role, network)
    for step in parts.steps:
        for role, path in parts.model.files(step).items():
            yield f"weights of the {role}: {path}"
    schedule = schedule_of(config)
    yield (
        f"chains: {schedule.num_rounds} rounds of {config.batch}, each in "
        f"{len(schedule.ends)} segments; measured after "
        f"{list(config.measured_steps)} steps"
    )
    yield f"features: {parts.extractor.name}, {parts.extractor.weights}"
    count = None
    if parts.source is not None:
        yield describe_data(parts.source)
        count = num_images(parts.source, config.num_reference)
    if config.reference is not None:
        yield f"reference: {config.reference}"
        count = load_moments(config.reference).count
    for warning in few_references(count, parts.extractor.size):
        yield f"warning: {warning}"


def build(config: SampleMeasurement) -> Parts:
    """Composes networks with their weights, chains, data and features.

    Raises:
      UserError: if a device or a weight file is missing; if a dataset is, what first
        reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)
    source = _source(config)
    extractor = open_extractor(config.features, config.data, replicas)
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    roles = (ENERGY, GENERATOR, PRIOR) if config.moves else (GENERATOR,)
    roles = [role for role in roles if getattr(config, role) is not None]
    with replicas.strategy.scope():
        model = open_model(
            config, roles, shared=config.weights, kind=config.weights_kind
        )
    steps = _swept(config, config.sweep, model) if config.sweep else [None]
    for step in steps:  # what is missing or does not fit is an error at once
        model.files(step)
    model.load(steps[0])
    chains = EbmSampling(config, replicas, model.ebm, source)
    return Parts(config, replicas, model, chains, source, extractor, steps)


def _source(config: SampleMeasurement) -> Source | None:
    """The data; published moments stand for it, if no chain begins from it."""
    if config.data.name == "generator":
        raise ConfigError("Expected data.name to be a dataset to compare with.")
    if config.reference is not None and config.start not in ("data", "class_gaussian"):
        return None
    return deferred(lambda: _opened(config))


def _opened(config: SampleMeasurement) -> Source:
    """The data, opened; ConfigError or DataError where there is too little of it."""
    source = open_source(config.data)
    if config.start == "data":
        num_batches(source, config.batch)  # raises where there is none
        if not config.moves and config.num_samples > source.num_examples:
            raise ConfigError(
                f"Expected num_samples={config.num_samples} to be at most "
                f"{source.num_examples}, the images of the data, where chains begin "
                "from them and do not move."
            )
    return source


def _swept(config: SampleMeasurement, sweep: Sweep, model: LoadedModel) -> list[int]:
    """The saved weights that a sweep measures, by their number of updates.

    Raises:
      WeightsError: if there are none.
    """
    role, kind = ENERGY if config.moves else GENERATOR, config.weights_kind
    found = model.sources[role]
    saved = found.source.steps(found.role_there, kind) if found.source else []
    if not saved:
        raise WeightsError(
            f"The run {config.weights} has no {kind} weights of its {role}."
        )
    chosen = sweep.chosen(saved)
    if not chosen:
        raise WeightsError(
            f"None of the weights of {config.weights} are to be swept: they are "
            f"those after {', '.join(map(str, saved))} updates."
        )
    return chosen


def reference_of(parts: Parts, workspace: Workspace) -> tuple[Summary, str]:
    """What samples are compared with, and what it is, for people to read."""
    found = summary_of_reference(
        parts.config, parts.source, parts.extractor, parts.replicas, workspace
    )
    for warning in few_references(found[0].whole.count, parts.extractor.size):
        workspace.log(f"Warning: {warning}")
    return found


def measure(
    parts: Parts, step: int | None, reference: tuple[Summary, str], workspace: Workspace
) -> dict[str, Any]:
    """Runs the chains of one set of weights, and measures their images.

    Args:
      parts: of the measurement.
      step: updates that the weights had made; the newest if None.
      reference: what samples are compared with.
      workspace: the run's folder, or that of a part.

    Returns:
      On the first worker, the metrics after the most Langevin steps, and of several
      measured numbers of them, under `by_num_steps`, those after each.
    """
    files = parts.model.load(step)
    for role, path in files.items():
        workspace.log(f"Weights of the {role}: {path}")
    run_chains(parts.config, parts.chains, workspace)
    gather(parts.replicas, 0)  # the files of all workers are there
    if not workspace.is_chief:
        return {}
    rows = []
    for num_steps in parts.config.measured_steps:
        metrics = _metrics(parts, num_steps, reference[0], workspace)
        rows.append({"num_steps": num_steps, **metrics})
        name = distance_name(parts.extractor.name)
        workspace.log(f"{num_steps} Langevin steps: {name} {rows[-1][name]}")
    several = {"by_num_steps": rows} if len(rows) > 1 else {}
    warnings = few_references(reference[0].whole.count, parts.extractor.size)
    conditions = _conditions(parts, files, reference[1])
    return {**rows[-1], **conditions, **several, "warnings": warnings}


def _metrics(
    parts: Parts, num_steps: int, reference: Summary, workspace: Workspace
) -> dict[str, Any]:
    """Those of the samples after a number of Langevin steps, whose moments it keeps."""
    files = load_samples(workspace.folder, num_steps)
    counts = ((len(images), num_not_finite) for images, num_not_finite in files)
    finite, broken = map(sum, zip(*counts, strict=True))
    if broken:
        missing = {distance_name(parts.extractor.name): None}
        return missing | {"num_samples": finite, "num_not_finite": broken}
    total = min(finite, parts.config.num_samples)
    images = (part for part, _ in load_samples(workspace.folder, num_steps))
    vectors = extracted(_first(images, total), parts.extractor, parts.replicas)
    samples = summarize(vectors, total)
    save_moments(workspace.path("moments", f"{num_steps:08d}.npz"), samples.whole)
    return compare(samples, reference, parts.extractor.name, parts.config.seed)


def _first(arrays: Iterable[np.ndarray], total: int) -> Iterator[np.ndarray]:
    """The first rows of arrays, `total` in all."""
    for array in arrays:
        if total <= 0:
            return
        yield array[:total]
        total -= len(array)


def _conditions(parts: Parts, files: dict[str, str], reference: str) -> dict[str, Any]:
    """What the metrics were made with."""
    config, extractor = parts.config, parts.extractor
    return {
        "features": extractor.name,
        "feature_weights": extractor.weights,
        "resize": extractor.resize,
        "reference": reference,
        "weights": files,
        "weights_kind": config.weights_kind,
        "start": config.start,
        "denoising_steps": config.denoising_steps,
        "joint_temperature": config.joint_temperature,
        "seed": config.seed,
    }


def _sweep(
    parts: Parts, reference: tuple[Summary, str], workspace: Workspace
) -> dict[str, Any]:
    """Measures saved weights, each in a folder of its own; the best one counts."""
    results: dict[int, dict[str, Any]] = {}
    features = parts.extractor.name
    for step in filter(None, parts.steps):
        part = workspace.part(f"update_{step:08d}")
        kept = part.results()
        if kept is None or kept["reference"] != reference[1]:
            kept = measure(parts, step, reference, part)
            part.write_results(kept)
        results[step] = kept
        if workspace.is_chief:
            rows = {parts.config.name: _by("update", results, features)}
            plot_distances(rows, "update", features, workspace)
    if not workspace.is_chief:
        return {}
    found = {s: result.get(distance_name(features)) for s, result in results.items()}
    measured = {s: distance for s, distance in found.items() if distance is not None}
    best = min(measured, key=lambda s: measured[s], default=max(results))
    rows = _by("update", results, features)
    return {**results[best], "update": best, "by_update": rows}


def _by(
    name: str, results: Mapping[int, dict[str, Any]], features: str
) -> list[dict[str, Any]]:
    distance = distance_name(features)
    return [
        {name: step, distance: result.get(distance_name(features))}
        for step, result in results.items()
    ]


def plot_distances(
    rows: Mapping[str, list[dict[str, Any]]],
    across: Literal["num_steps", "update"],
    features: str,
    workspace: Workspace,
) -> None:
    """Plots the distances of models over the Langevin steps of chains or over updates.

    Args:
      rows: with a distance and a value of `across`, by the name of the model.
      across: what they are plotted over.
      features: by which images are compared.
      workspace: the run's folder.
    """
    found = {
        name: [(row[across], row.get(distance_name(features))) for row in of_one]
        for name, of_one in rows.items()
    }
    curves = {
        name: ([x for x, _ in finite], [y for _, y in finite])
        for name, points in found.items()
        if (finite := [(x, y) for x, y in points if y is not None])
    }
    names = {"num_steps": "Langevin steps", "update": "updates"}
    if curves:
        plots.save_curves(
            workspace.path("plots", f"{distance_name(features)}_by_{across}.png"),
            curves,
            labels=(names[across], f"Fréchet distance ({features})"),
            logarithmic=across == "num_steps",
            mark_lowest=across == "update",
        )
