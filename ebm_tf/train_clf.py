"""Learns a classifier: python3 ebm_tf/train_clf.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train_clf"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.runtime.classifiers import run as classifier_run
from ebm_tf.runtime.classifiers.session import open_session
from ebm_tf.runtime.workspace import Workspace


def run(config: ClassifierTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures the selected weights once."""
    return classifier_run.learn(open_session(config), workspace)


def describe(config: ClassifierTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    return classifier_run.describe(open_session(config))
