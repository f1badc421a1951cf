"""What several classifiers know, side by side: accuracy to energies under attack."""

from collections.abc import Mapping, Sequence
from typing import Any

from ebm_tf.config.analysis import Analysis
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation import finished_runs
from ebm_tf.evaluation.energy_statistics import DIFFERENCES
from ebm_tf.evaluation.finished_runs import finished, row
from ebm_tf.evaluation.scores import SCORES
from ebm_tf.runtime.sweeps import Row
from ebm_tf.runtime.workspace import Workspace

TABLE = "knowledge.csv"
ATTACKS = "attack_settings"
# What two runs must have in common.
_SETTINGS = ("data", "split", "num_images", "num_bins", ATTACKS)


def measured(folder: str, noise: float) -> Row:
    """What a finished run of `analyze.py` has found.

    Args:
      folder: of the run.
      noise: on its images, one of those with which it has measured.

    Returns:
      The method and the seed that its classifier learned by, and the run's figures:
      accuracy, calibration error as it is and with a fitted temperature, the AUROC of
      each set of other images by each score, as AUROC/SET/SCORE, and of each attack,
      where energies under attack were measured, accuracy, and mean and standard
      deviation of differences.

    Raises:
      UserError: if it is no such run, not finished, or has another noise.
    """
    config, results = finished(folder, Analysis)
    if noise not in config.noise:
        raise ConfigError(
            f"Expected noise={noise} to be one of {config.noise}, as in {folder}."
        )
    level = results["by_noise"][config.noise.index(noise)]
    calibrated, error = level["calibration"], "expected_calibration_error"
    figures: dict[str, Any] = {
        "accuracy": level["accuracy"],
        error: calibrated["before"][error],
        f"{error}_scaled": calibrated["after"][error],
    }
    for other, by_score in level["out_of_distribution"].items():
        for score in SCORES:
            figures[f"AUROC/{other}/{score}"] = by_score[score]["auroc"]
    attacks = results["attacks"] or {}
    figures |= _under_attack(attacks)
    figures |= {name: results[name] for name in _SETTINGS if name != ATTACKS}
    figures[ATTACKS] = {name: attacks.get(name) for name in ("num_images", "settings")}
    return row(folder, results["weights"], figures)


def _under_attack(found: Mapping[str, Any]) -> dict[str, float]:
    """Accuracies, and means and spreads of differences of energies, of all images."""
    figures = {}
    if found:
        figures["accuracy/worst case"] = found["worst_case"]["accuracy"]
    for attack, of in found.get("by_attack", {}).items():
        figures[f"accuracy/{attack}"] = of["accuracy"]
        for name, title in DIFFERENCES.items():
            differences = of["all"][name]
            figures[f"{title}/{attack}"] = differences["mean"]
            figures[f"{title}/{attack}/stddev"] = differences["stddev"]
    return figures


def measured_all(runs: Sequence[str], noise: float) -> list[Row]:
    """Those of runs, and of sweeps of them."""
    return finished_runs.rows(runs, lambda folder: measured(folder, noise))


def compared(runs: Sequence[str], noise: float, workspace: Workspace) -> dict[str, Any]:
    """A table of the methods, with intervals over their seeds.

    Args:
      runs: folders of finished runs of `analyze.py`, or of sweeps of them.
      noise: on the images.
      workspace: of the comparison.

    Returns:
      The figures of all runs, and warnings where two are of different images.
    """
    rows = measured_all(runs, noise)
    return finished_runs.in_columns(rows, _SETTINGS, TABLE, workspace)
