"""Attacks a classifier, defended or not: python3 ebm_tf/attack.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("attack"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.runtime.attacks import defense_run, robustness_run
from ebm_tf.runtime.workspace import Workspace


def run(
    config: RobustnessMeasurement | DefenseMeasurement, workspace: Workspace
) -> dict[str, Any]:
    """Attacks, or goes on with it, and tells how much accuracy is left."""
    if isinstance(config, DefenseMeasurement):
        return defense_run.run(config, workspace)
    return robustness_run.run(config, workspace)


def describe(config: RobustnessMeasurement | DefenseMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    if isinstance(config, DefenseMeasurement):
        return defense_run.describe(config)
    return robustness_run.describe(config)
