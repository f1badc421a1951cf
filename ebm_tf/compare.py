"""Compares learned models: python3 ebm_tf/compare.py CONFIG.

Energies by the life of their chains; classifiers by their energies under attack, by
what attacks have left of their accuracy, by where their gradients point, by the images
that they generate, or by what they know: accuracy, calibration, detection of other
images.
"""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("compare"))

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ebm_tf import analyze, fid
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.comparison import (
    AlignmentComparison,
    Comparison,
    EnergyComparison,
    GenerationComparison,
    KnowledgeComparison,
    Leaderboard,
)
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.kinds import is_own
from ebm_tf.data.pipelines import describe_data
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation import finished_runs, generation_comparison, knowledge_comparison
from ebm_tf.evaluation.alignment import comparison as alignments
from ebm_tf.evaluation.attack_energies import comparison
from ebm_tf.evaluation.attack_energies.comparison import Analysed
from ebm_tf.evaluation.leaderboard import tables
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.sources import find

Config = (
    Comparison
    | EnergyComparison
    | Leaderboard
    | AlignmentComparison
    | KnowledgeComparison
    | GenerationComparison
)


def run(config: Config, workspace: Workspace) -> dict[str, Any]:
    """Measures every model that was not measured before, and compares them.

    Returns:
      On the first worker, the figures of all; of energies nothing on others.
    """
    _require_runs(config)
    match config:
        case Leaderboard():
            return tables.ranked(_measured(config), workspace)
        case AlignmentComparison():
            return alignments.compared(config.runs, workspace)
        case KnowledgeComparison():
            return knowledge_comparison.compared(config.runs, config.noise, workspace)
        case GenerationComparison():
            return generation_comparison.compared(config.runs, workspace)
        case EnergyComparison():
            return _compare_energies(config, workspace)
        case Comparison():
            return _compare_chains(config, workspace)


def describe(config: Config) -> Iterator[str]:
    """What a run would measure, a line each; nothing is written."""
    _require_runs(config)
    match config:
        case Leaderboard():
            yield from (f"{row['model']}: {row['run']}" for row in _measured(config))
        case AlignmentComparison():
            found = finished_runs.rows(config.runs, alignments.measured)
            yield from finished_runs.described(found)
        case KnowledgeComparison():
            found = knowledge_comparison.measured_all(config.runs, config.noise)
            yield from finished_runs.described(found)
        case GenerationComparison():
            found = generation_comparison.measured_all(config.runs)
            yield from finished_runs.described(found)
        case EnergyComparison():
            yield from _describe_energies(config)
        case Comparison():
            yield from _describe_chains(config)


def _require_runs(config: Config) -> None:
    if not config.runs:
        raise ConfigError(
            f"{config.name} needs runs to compare: --set \"runs=('RUN', 'RUN')\"."
        )


def _measured(config: Leaderboard) -> list[dict[str, Any]]:
    """The summaries of the runs, as they are given."""
    return [tables.measured(folder) for folder in config.runs]


# Energies, by the life of their chains.


def _describe_chains(config: Comparison) -> Iterator[str]:
    built = {name: fid.build(one) for name, one in _measurements(config).items()}
    for name, parts in built.items():
        for role, network in parts.model.networks.items():
            yield f"{name}: {summary(role, network)}"
        yield f"{name}: {json.dumps(parts.model.files())}"
    for name, parts in built.items():
        if parts.source is not None:
            yield f"{name}: {describe_data(parts.source)}"


def _compare_chains(config: Comparison, workspace: Workspace) -> dict[str, Any]:
    """Measures the chains of every run, each in a folder of its own."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name, measurement in _measurements(config).items():
        part = workspace.part(name)
        parts = fid.build(measurement)
        require_same(part, fid.inputs(parts))
        measured = part.results() or fid.measure(
            parts, None, fid.reference_of(parts, workspace), part
        )
        part.write_results(measured)
        results[name] = measured.get("by_num_steps", [measured])
        if workspace.is_chief:
            fid.plot_distances(results, "num_steps", config.features.name, workspace)
    return {"features": config.features.name, "start": config.start, "runs": results}


def _measurements(config: Comparison) -> dict[str, SampleMeasurement]:
    """What `fid.py` would measure of each run, by its place and name."""
    measurements = {}
    for index, folder in enumerate(config.runs):
        learned = find(folder).config
        if not isinstance(learned, EbmExperiment) or not hasattr(learned, "chains"):
            raise ConfigError(
                f"{folder} is not the folder of a run that learned chains."
            )
        name = f"{index}_{learned.name}"
        measurements[name] = config.measurement(folder, learned)
    return measurements


# Classifiers, by their energies under attack.


class Classifier(NamedTuple):
    """One of those that are compared.

    Attributes:
      name: its place and what it is called.
      weights: what names it, as in an analysis.
      before: its analysis, where there was one.
      robustness: results of `attack.py`, if any are given.
    """

    name: str
    weights: str
    before: Analysed | None
    robustness: Mapping[str, Any] | None


def _describe_energies(config: EnergyComparison) -> Iterator[str]:
    for one in _classifiers(config):
        if one.before is not None:
            yield f"{one.name}: analysed before, in {one.before.folder}"
        else:
            lines = analyze.describe(config.analysis(one.weights))
            yield from (f"{one.name}: {line}" for line in lines)


def _compare_energies(config: EnergyComparison, workspace: Workspace) -> dict[str, Any]:
    """Analyses every classifier, each in a folder of its own, and compares them."""
    found = []
    for one in _classifiers(config):
        part, analysis = workspace.part(one.name), config.analysis(one.weights)
        analysed = one.before or _analysed(analysis, part)
        found.append(analysed._replace(robustness=one.robustness))
    if not workspace.is_chief:
        return {}
    return comparison.compared(found, config.compared, workspace)


def _classifiers(config: EnergyComparison) -> list[Classifier]:
    """What is compared; what was measured before is read.

    Raises:
      UserError: if something is not there, not finished or no such run.
    """
    found, folders = [], config.robustness or [""] * len(config.runs)
    for index, (run, folder) in enumerate(zip(config.runs, folders, strict=True)):
        before, robustness = None, comparison.robustness(folder) if folder else None
        if is_own(run):
            name = f"{index}_{os.path.splitext(os.path.basename(run))[0]}"
            found.append(Classifier(name, run, before, robustness))
            continue
        source = find(run)
        if comparison.is_analysis(source.config):
            results = Workspace(source.folder).results()
            before = comparison.analysed(source.folder, results, config.compared)
        learned = source.config.name if source.config else os.path.basename(source.path)
        found.append(Classifier(f"{index}_{learned}", run, before, robustness))
    return found


def _analysed(analysis: Analysis, part: Workspace) -> Analysed:
    results = part.results_or(lambda: analyze.run(analysis, part))
    return Analysed(part.folder, results)
