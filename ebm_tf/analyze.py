"""Measures what a classifier knows: python3 ebm_tf/analyze.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("analyze"))

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.config.analysis import TEST, Analysis
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images, num_images
from ebm_tf.data.sources import (
    FIRST_FEW,
    Source,
    deferred,
    require_classes,
    unaugmented,
    where_it_lies,
)
from ebm_tf.evaluation import classifier_samples, distal, knowledge, plots
from ebm_tf.evaluation.attack_energies import figures, measurement
from ebm_tf.evaluation.attack_energies.measurement import AttackStudy, open_study
from ebm_tf.evaluation.classifier_chains import Generation, open_generation
from ebm_tf.evaluation.corruptions import measured
from ebm_tf.evaluation.corruptions.plots import save_by_severity, save_examples
from ebm_tf.evaluation.knowledge import MEANINGS, VALIDATION, Level
from ebm_tf.evaluation.other_images import Others, description, other_images
from ebm_tf.evaluation.scores import SCORES, scorer
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.files import save_arrays
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.plots import save_grid
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.provenance import Provenance, provenance

NUM_PICTURED = 25

# Arrays of each set of images, by its name.
Sets = Mapping[str, np.ndarray]


class Report(NamedTuple):
    """What a part of an analysis measured.

    Attributes:
      results: its metrics; None where it is not asked for, or on other workers.
      warnings: reasons not to believe them, as sentences.
    """

    results: dict[str, Any] | None = None
    warnings: Sequence[str] = ()


class System(NamedTuple):
    """What is measured.

    Attributes:
      replicas: the devices.
      model: the classifier, with its weights.
      weights: the file that they are from.
      sources: of the test images and of those by which the temperature is fitted, by
        name.
      limits: how many of each are used; all if None.
      provenance: what there is to say of the run that learned the classifier.
      generation: what samples its energies; None if nothing does.
      attacks: after which its energies are measured; None if none are.
    """

    replicas: Replicas
    model: LoadedModel
    weights: str
    sources: Mapping[str, Source]
    limits: Mapping[str, int | None]
    provenance: Provenance
    generation: Generation | None
    attacks: AttackStudy | None

    @property
    def num_classes(self) -> int:
        """Of the classifier."""
        return self.model.networks[CLASSIFIER].output_shape[-1]


def run(config: Analysis, workspace: Workspace) -> dict[str, Any]:
    """Measures accuracy, calibration, detection, samples, energies under attack.

    Returns:
      On the first worker, all figures and what they stand for; nothing on others.
    """
    system = open_system(config)
    require_same(workspace, _inputs(system))
    workspace.log(f"Weights of the classifier: {system.weights}")
    system.provenance.log_notes(workspace)
    images, labels = _labelled(config, system, system.limits)
    others = _others(config, images[TEST], workspace)
    images = images | {name: other.images for name, other in others.items()}
    test = images[TEST], labels[TEST]
    # The corrupted images first, because files may be missing.
    first = {"corruptions": _corrupted(config, system, test, workspace)}
    levels = _levels(config, system, images, labels, workspace)
    reports = first | {
        "distal": _distal(config, system, workspace),
        "samples": _samples(system, test, workspace),
        "attacks": _attacks(system, test, workspace),
    }
    warnings = [*system.provenance.warnings, *knowledge.warnings(levels)]
    warnings += [line for report in reports.values() for line in report.warnings]
    for warning in warnings:
        workspace.log(f"Warning: {warning}")
    if not workspace.is_chief:
        return {}
    _save(workspace, levels, images, labels)
    return {
        "num_images": len(images[TEST]),
        "num_validation": len(images[VALIDATION]),
        "by_noise": [level.results for level in levels],
        "others": {name: other.facts for name, other in others.items()},
        **{name: report.results for name, report in reports.items()},
        "data": config.data.name,
        "split": config.test_split,
        "validation_split": config.validation_split,
        "num_bins": config.num_bins,
        "num_draws": config.num_draws,
        "weights": system.weights,
        "seed": config.seed,
        "warnings": warnings,
        "units": MEANINGS
        | classifier_samples.MEANINGS
        | figures.MEANINGS
        | measured.MEANINGS,
    }


def _inputs(system: System) -> dict[str, str]:
    """Hashes of what is read, for `require_same`."""
    digests = {
        f"{name} images": source.digest(source.num_examples)
        for name, source in system.sources.items()
    }
    return system.model.digests(None) | digests


def describe(config: Analysis) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    system = open_system(config)
    yield summary(CLASSIFIER, system.model.networks[CLASSIFIER])
    yield f"weights of the classifier: {system.weights}"
    yield f"noise: {', '.join(f'{level:g}' for level in config.noise)}"
    if system.generation is not None:
        yield from system.generation.lines()
    if system.attacks is not None:
        yield from system.attacks.lines()
    yield from system.provenance.lines()
    for name, source in system.sources.items():
        number = num_images(source, system.limits[name])
        yield (
            f"{name}: {number:,} images of {source.name}, {source.split}, "
            f"{where_it_lies(source)}"
        )
    yield from (description(config, other) for other in config.others)
    few = dict.fromkeys(system.sources, FIRST_FEW)
    images, labels = _labelled(config, system, few)
    if config.corruptions is not None:
        test = images[TEST], labels[TEST]
        yield measured.open_sets(config, *test, system.num_classes).line


def open_system(config: Analysis) -> System:
    """Builds the classifier on the devices, with its weights.

    Raises:
      UserError: if a device or a weight file is missing or does not fit; if a dataset
        is missing, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)
    splits = {TEST: config.test_split, VALIDATION: config.validation_split}
    sources = {
        name: deferred(functools.partial(open_source, unaugmented(config.data, split)))
        for name, split in splits.items()
    }
    with replicas.strategy.scope():
        model = open_model(
            config, [CLASSIFIER], shared=config.weights, kind=config.weights_kind
        )
    return System(
        replicas,
        model,
        model.load()[CLASSIFIER],
        sources,
        {TEST: config.num_test, VALIDATION: config.num_validation},
        provenance(config, model.sources, list(splits.values())),
        open_generation(config, model, replicas),
        open_study(config, model, replicas),
    )


def _labelled(
    config: Analysis, system: System, limits: Mapping[str, int | None]
) -> tuple[dict[str, np.ndarray], Sets]:
    """Images float32 [n, H, W, C] and labels int64 [n] of each source, in file order.

    Raises:
      DataError: if a label is none of the classes.
    """
    images, labels = {}, {}
    for name, source in system.sources.items():
        data, limit = unaugmented(config.data), limits[name]
        images[name], labels[name] = load_images(source, data, limit=limit)
        setting = "the classifier's num_classes"
        require_classes(labels[name], system.num_classes, source, setting=setting)
    return images, labels


def _others(
    config: Analysis, test: np.ndarray, workspace: Workspace
) -> dict[str, Others]:
    """The other sets by name; what is resized is logged."""
    found = {}
    for settings in config.others:
        other = found[settings.name] = other_images(config, settings, test)
        if other.note:
            workspace.log(f"Note: {other.note}.")
    return found


def _levels(
    config: Analysis, system: System, images: Sets, labels: Sets, workspace: Workspace
) -> list[Level]:
    """Everything that is measured once for each deviation of noise."""
    model, levels = system.model, []
    score = scorer(
        model.classifier, model.energy, system.replicas, config.batch, config.seed
    )
    for noise in config.noise:
        levels.append(knowledge.measured(config, score, noise, images, labels))
        for line in knowledge.lines(levels[-1]):
            workspace.log(line)
    return levels


def _distal(config: Analysis, system: System, workspace: Workspace) -> Report:
    """Makes distal adversarials, and logs how confident the classifier became."""
    settings = config.distal
    if settings is None:
        return Report()
    model, classes = system.model, distal.shown_classes(system.num_classes)
    shape = model.networks[CLASSIFIER].input_shape[1:]
    given = distal.starts(classes, shape, settings.num_per_class, config.seed)
    climb = distal.climbing(model.classifier, settings)
    found = over_rows(climb, system.replicas, config.batch)(*given)
    results = distal.metrics(classes, found, settings)
    workspace.log(
        f"distal adversarials: {results['num_reached']} of {results['num_images']} "
        f"reached a confidence of {settings.confidence:g}"
    )
    if workspace.is_chief:
        path = workspace.path("images", "distal.png")
        plots.save_by_class(path, classes, found.images, found.confidence)
        save_arrays(workspace.path("distal.npz"), classes=given[1], **found._asdict())
    return Report(results)


def _samples(
    system: System, test: tuple[np.ndarray, np.ndarray], workspace: Workspace
) -> Report:
    """Samples what the classifier generates."""
    if system.generation is None:
        return Report()
    return Report(
        *classifier_samples.measure_generated(system.generation, test, workspace)
    )


def _attacks(
    system: System, test: tuple[np.ndarray, np.ndarray], workspace: Workspace
) -> Report:
    """Attacks the test images, and measures their energies."""
    if system.attacks is None:
        return Report()
    return Report(*measurement.measure(system.attacks, *test, workspace))


def _corrupted(
    config: Analysis,
    system: System,
    test: tuple[np.ndarray, np.ndarray],
    workspace: Workspace,
) -> Report:
    """Measures corrupted test images."""
    if config.corruptions is None:
        return Report()
    sets = measured.open_sets(config, *test, system.num_classes)
    parts = system.model.classifier, system.model.energy
    measure = measured.measurer(*parts, system.replicas, config.batch)
    found = measured.measured(config.corruptions, sets, measure, test, workspace.log)
    if workspace.is_chief:
        save_arrays(workspace.path("corruptions.npz"), **found.arrays)
        path = workspace.path("plots", "corruptions.png")
        save_by_severity(path, found.results)
        path = workspace.path("images", "corruptions.png")
        save_examples(path, found.pictures, config.corruptions.severities)
    return Report(found.results)


def _save(
    workspace: Workspace, levels: list[Level], images: Sets, labels: Sets
) -> None:
    """Writes the scores, the plots of them, and pictures of each set."""
    named = {f"labels/{name}": values for name, values in labels.items()}
    save_arrays(workspace.path("scores.npz"), **named, **knowledge.arrays(levels))
    path = workspace.path("plots", "reliability.png")
    plots.save_reliability(path, [level.diagrams for level in levels])
    for level in levels:
        name = f"scores_noise_{level.results['noise']:g}.png"
        path = workspace.path("plots", name)
        plots.save_score_histograms(path, level.of_sets, SCORES)
    for name in levels[0].of_sets:
        save_grid(workspace.path("images", f"{name}.png"), images[name][:NUM_PICTURED])
