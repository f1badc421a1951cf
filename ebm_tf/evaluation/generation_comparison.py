"""What several classifiers generate, side by side: distances, classes, diversity."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ebm_tf.config.fid import distance_name, kernel_name
from ebm_tf.config.generation import ImageGeneration
from ebm_tf.evaluation import finished_runs
from ebm_tf.evaluation.finished_runs import finished, row
from ebm_tf.evaluation.variations import COMPARED
from ebm_tf.runtime.sweeps import Row
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.store.network_sources import ENERGY

TABLE = "generations.csv"
_SHARE = "share of the class asked for"
# What two runs must have in common.
_SETTINGS = (
    *("data", "split", "num_samples", "num_steps", "classes", "potential", "start"),
    *("langevin", "stop_within", "feature_weights", "reference"),
)


def measured(folder: str) -> Row:
    """What a finished run of `generate.py` has found.

    Returns:
      The method and the seed that its classifier learned by, and the run's figures:
      distances, precision, recall, diversity and shares of the class asked for, and
      the same of each variation, as FIGURE/SETTING=VALUE.

    Raises:
      UserError: if it is no such run, or not finished.
    """
    config, results = finished(folder, ImageGeneration)
    shares = {
        judge: one["share"] for judge, one in results.get("class_agreement", {}).items()
    }
    figures = dict(_figures(results, shares, config.features.name))
    for setting, varied in results.get("variations", {}).items():
        for one in varied:
            found = _figures(one, one["agreement"], config.features.name)
            end = f"{setting}={one['value']}"
            figures |= {f"{name}/{end}": value for name, value in found}
    figures |= {name: results[name] for name in _SETTINGS}
    return row(folder, results["weights"][ENERGY], figures)


def _figures(
    results: Mapping[str, Any], shares: Mapping[str, float], features: str
) -> Iterator[tuple[str, Any]]:
    """What is compared of one set of images, by the names that tables have."""
    for name in (distance_name(features), kernel_name(features), *COMPARED):
        if name not in _SETTINGS:
            yield name, results.get(name)
    for judge, share in shares.items():
        yield f"{_SHARE}/{judge}", share


def measured_all(runs: Sequence[str]) -> list[Row]:
    """Those of runs, and of sweeps of them."""
    return finished_runs.rows(runs, measured)


def compared(runs: Sequence[str], workspace: Workspace) -> dict[str, Any]:
    """A table of the methods, with intervals over their seeds.

    Args:
      runs: folders of finished runs of `generate.py`, or of sweeps of them.
      workspace: of the comparison.

    Returns:
      The figures of all runs, and warnings where two were made in other ways.
    """
    rows = measured_all(runs)
    return finished_runs.in_columns(rows, _SETTINGS, TABLE, workspace)
