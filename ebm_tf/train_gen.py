"""Learns a generator: python3 ebm_tf/train_gen.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_gen"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.runtime.generators import run as generator_run
from ebm_tf.runtime.generators.session import open_session
from ebm_tf.runtime.workspace import Workspace


def run(config: GeneratorTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures samples of the averaged generator."""
    return generator_run.learn(open_session(config), workspace)


def describe(config: GeneratorTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    return generator_run.describe(open_session(config))
