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

from ebm_tf import fid
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.errors import ConfigError
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.sources import find


def run(config: Comparison, workspace: Workspace) -> dict[str, Any]:
    """Measures the chains of every run, each in a folder of its own."""
    results: dict[str, list[dict[str, Any]]] = {}
    for name, measurement in _measurements(config).items():
        part = workspace.part(name)
        measured = part.results() or _measure(measurement, part, workspace)
        part.write_results(measured)
        results[name] = measured.get("by_num_steps", [measured])
        if workspace.is_chief:
            fid.plot_distances(results, "num_steps", config.features.name, workspace)
    return {"features": config.features.name, "start": config.start, "runs": results}


def describe(config: Comparison) -> Iterator[str]:
    """What a run would measure, a line each; nothing is written."""
    for name, measurement in _measurements(config).items():
        yield f"{name}: {json.dumps(fid.build(measurement).model.files())}"


def _measurements(config: Comparison) -> dict[str, SampleMeasurement]:
    """What `fid.py` would measure of each run, by its place and name."""
    if not config.runs:
        raise ConfigError(
            f"{config.name} needs runs to compare: --set \"runs=('RUN', 'RUN')\"."
        )
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


def _measure(
    measurement: SampleMeasurement, part: Workspace, workspace: Workspace
) -> dict[str, Any]:
    parts = fid.build(measurement)
    return fid.measure(parts, None, fid.reference_of(parts, workspace), part)
