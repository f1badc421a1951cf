"""Learns a density by old chains: python3 ebm_tf/train_longrun.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_longrun"))

from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.runtime import figures
from ebm_tf.runtime.distribution import local
from ebm_tf.runtime.ebms import run as ebm_run
from ebm_tf.runtime.ebms.session import EbmSession, open_session
from ebm_tf.runtime.loop import Action, Moment, every
from ebm_tf.runtime.workspace import Workspace


def run(config: LongRunTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures fresh samples."""
    session = open_session(config)
    histogram = every(config.picture_every, _ages(session, workspace), 1)
    return ebm_run.learn(session, workspace, [histogram])


def describe(config: LongRunTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    return ebm_run.describe(open_session(config))


def _ages(session: EbmSession, workspace: Workspace) -> Action:
    """Plots the ages of the young chains and of those that learning uses."""

    def save(moment: Moment) -> None:
        banks = {"burn-in": moment.state.burn_in, "learning": moment.state.bank}
        ages = {
            name: np.concatenate(local(session.replicas, bank.ages))
            for name, bank in banks.items()
        }
        figures.save_ages(workspace.path("plots", "burn_in.png"), ages)

    return save
