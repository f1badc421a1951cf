"""Joint energy-based models that are learned in a few seconds."""

import pathlib

from ebm_tf.config import core
from ebm_tf.config.joint import JointTraining
from ebm_tf.config.overrides import override
from tests.runs import ROOT, learn_here

SMALL = (
    "num_updates=100",
    "validate_every=50",
    "select_from=50",
    "save_every=50",
    "log_every=50",
    "picture_every=200",
    "batch=40",
    "evaluation_batch=40",
    "num_validation=40",
    "num_test=40",
    "classifier.width=8",
    "chains.num_steps=4",
    "chains.bank_size=80",
    "optimizer.learning_rate=5e-3",
    "optimizer.average_decay=0.9",
    # Few steps and a fast rate: more than a little of p(x) would run away.
    "terms.marginal=0.01",
    "terms.energy_l2=0.001",
    "samples.num_samples=20",
    "samples.num_steps=3",
)


TINY = [
    "num_updates=8",
    "validate_every=4",
    "select_from=4",
    "save_every=4",
    "log_every=4",
    "picture_every=4",
    "animate_every=8",
    "batch=20",
    "data.split=train[:100]",
    "validation_split=train[1197:1217]",
    "test_split=train[1437:1460]",
    "evaluation_batch=10",
    "classifier.width=4",
    "classifier.depth=2",
]
CHAINS = [
    "chains.bank_size=60",
    "chains.num_steps=2",
    "samples.num_samples=20",
    "samples.num_steps=3",
]


def tiny_joint(*changes: str, name: str = "digits_jem") -> JointTraining:
    """A few updates of an example."""
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, JointTraining)
    chains = CHAINS if config.chains is not None else []
    return override(config, [*TINY, *chains, *changes])


def small_joint(*changes: str) -> JointTraining:
    """The example, with fewer updates, steps and channels."""
    config = core.load(str(ROOT / "configs" / "digits_jem.py"))
    return override(config, [*SMALL, *changes])


def joint_run(output: pathlib.Path, *changes: str) -> pathlib.Path:
    """The folder of a run that has learned it."""
    return learn_here(small_joint(*changes), output)[0]
