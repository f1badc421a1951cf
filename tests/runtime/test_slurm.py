"""Tasks of SLURM are named as TF_CONFIG names workers."""

import json
import os
from typing import Any

import pytest

from ebm_tf.errors import DeviceError
from ebm_tf.runtime import distribution

STEP = {
    "SLURM_JOB_ID": "4000007",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NODELIST": "n[2,10]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
}
PORT = 12_000 + 7 * 16


@pytest.fixture
def named(monkeypatch):
    """What is named for a task with these variables."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for variable in [v for v in os.environ if v.startswith("SLURM")]:
        monkeypatch.delenv(variable)

    def name(**variables: str) -> Any:
        for key, value in variables.items():
            monkeypatch.setenv(key, value)
        distribution._name_slurm_tasks()
        return json.loads(os.environ.pop("TF_CONFIG", "null"))

    return name


@pytest.mark.parametrize(
    ("rank", "node", "local", "index"),
    [("0", "n2", "0", 1), ("1", "n2", "1", 2), ("2", "n10", "0", 0)],
)
def test_a_task_is_where_slurm_has_put_it(named, rank, node, local, index):
    here = {"SLURM_PROCID": rank, "SLURMD_NODENAME": node, "SLURM_LOCALID": local}
    found = named(**STEP, **here)
    workers = [f"n10:{PORT}", f"n2:{PORT}", f"n2:{PORT + 1}"]
    assert found["cluster"] == {"worker": workers}
    assert found["task"] == {"type": "worker", "index": index}
    assert workers[index] == f"{node}:{PORT + int(local)}"


def test_a_process_alone_is_no_cluster(named):
    assert named() is None
    assert named(SLURM_STEP_NUM_TASKS="1", SLURM_PROCID="0") is None


def test_what_is_named_already_stays(named, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert named(**STEP, SLURM_PROCID="0") == {}


def test_a_step_without_its_machines_is_a_mistake(named):
    with pytest.raises(DeviceError, match="SLURM_STEP_NODELIST not found"):
        named(SLURM_STEP_NUM_TASKS="2", SLURM_PROCID="0")
