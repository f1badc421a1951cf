"""Learns an energy-based model: python3 ebm_tf/train.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.config.ebm import EbmTraining
from ebm_tf.runtime.ebms import run as ebm_run
from ebm_tf.runtime.ebms.session import open_session
from ebm_tf.runtime.workspace import Workspace


def run(config: EbmTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures fresh samples."""
    return ebm_run.learn(open_session(config), workspace)


def describe(config: EbmTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    return ebm_run.describe(open_session(config))
