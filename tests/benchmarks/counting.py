"""Something to ask of a worker that needs no framework."""

import os

from benchmarks.workers import Measurements
from ebm_tf.errors import ConfigError


def measurements(amount: int) -> Measurements:
    total = 0

    def add() -> int:
        nonlocal total
        total += amount
        return total

    def mistake() -> None:
        raise ConfigError("Expected less.")

    return {
        "sum": add,
        "half": lambda: add() / int(os.environ["PARTS"]),
        "mistake": mistake,
        "bug": lambda: [][0],
    }
