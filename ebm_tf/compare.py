"""Compares models by the life of their chains: python3 ebm_tf/compare.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("compare"))

import json
from collections.abc import Iterator
from typing import Any

from ebm_tf.config.catalogue import EXPERIMENTS
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.ebm import EbmLearning
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.runtime import figures
from ebm_tf.runtime.measuring.session import open_fid_session
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.releases.installed import located


def run(config: Comparison, workspace: Workspace) -> dict[str, Any]:
    """Measures the chains of every run, each in a folder of its own."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name, measurement in _measurements(config).items():
        part = workspace.part(name)
        measured = part.results() or _measure(measurement, part, workspace)
        part.write_results(measured)
        results[name] = measured.get("by_num_steps", [measured])
        if workspace.is_chief:
            _plot(config, results, workspace)
    return {"features": config.features.name, "start": config.start, "runs": results}


def describe(config: Comparison) -> Iterator[str]:
    """What a run would measure, a line each; nothing is written."""
    for name, measurement in _measurements(config).items():
        files = open_fid_session(measurement).weight_files(None)
        yield f"{name}: {json.dumps(files)}"


def _measurements(config: Comparison) -> dict[str, SampleMeasurement]:
    if not config.runs:
        raise ConfigError(
            f"{config.name} needs runs to compare: --set \"runs=('RUN', 'RUN')\"."
        )
    measurements = {}
    for index, folder in enumerate(config.runs):
        learned = read_config(located(folder), EXPERIMENTS)
        if not isinstance(learned, EbmLearning):
            raise ConfigError(f"{folder} is not the folder of a run that learned.")
        name = f"{index}_{learned.name}"
        measurements[name] = config.measurement(folder, learned)
    return measurements


def _measure(
    measurement: SampleMeasurement, part: Workspace, workspace: Workspace
) -> dict[str, Any]:
    session = open_fid_session(measurement)
    reference = summary_of_reference(
        measurement, session.source, session.extractor, session.replicas, workspace
    )
    return session.measure(None, reference, part)


def _plot(
    config: Comparison, results: dict[str, list[dict[str, Any]]], workspace: Workspace
) -> None:
    finite = {
        name: [row for row in rows if row["fid"] is not None]
        for name, rows in results.items()
    }
    curves = {
        name: ([row["num_steps"] for row in rows], [row["fid"] for row in rows])
        for name, rows in finite.items()
        if rows
    }
    figures.save_curves(
        workspace.path("plots", "fid_by_num_steps.png"),
        curves,
        labels=("Langevin steps", f"Fréchet distance ({config.features.name})"),
        logarithmic=True,
    )
