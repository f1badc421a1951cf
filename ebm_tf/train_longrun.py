"""Learns a density by old chains: python3 ebm_tf/train_longrun.py CONFIG.

It is what `train.py` composes, with a prior beside the energy and a burn-in bank beside
the replay buffer, both of which are settings, and a plot of the ages of chains.
"""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_longrun"))

import dataclasses

import numpy as np

from ebm_tf import train
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.evaluation.training.plots import save_ages
from ebm_tf.runtime.distribution import local
from ebm_tf.runtime.learner import Learner, entry_points
from ebm_tf.runtime.loop import Action, Moment, every
from ebm_tf.runtime.workspace import Workspace


def build(config: LongRunTraining) -> Learner:
    """Adds the plot to what `train.py` composes."""
    learning = train.build(config)

    def actions(workspace: Workspace) -> list[Action]:
        ages = every(config.picture_every, _plot_ages(learning, workspace), 1)
        return [*learning.actions(workspace), ages]

    return dataclasses.replace(learning, actions=actions)


def _plot_ages(learning: Learner, workspace: Workspace) -> Action:
    """Plots the ages of the young chains and of those that learning uses."""

    def plot(moment: Moment) -> None:
        banks = {"burn-in": moment.state.burn_in, "learning": moment.state.bank}
        ages = {
            name: np.concatenate(local(learning.replicas, bank.ages))
            for name, bank in banks.items()
        }
        save_ages(workspace.path("plots", "burn_in.png"), ages)

    return plot


run, describe = entry_points(build)
