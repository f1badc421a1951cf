"""Where a run stands, as named arrays and back."""

import numpy as np
import pytest

from ebm_tf.errors import RunError
from ebm_tf.runtime.checkpoints import from_arrays, to_arrays
from ebm_tf.runtime.distribution import Replicas
from tests.runtime.loops import Walk, beginning


@pytest.fixture
def replicas(one_replica) -> Replicas:
    return Replicas(one_replica, jit=False)


@pytest.fixture
def arrays(replicas) -> dict[str, np.ndarray]:
    position = beginning(Walk().begin())
    stored = to_arrays(position, Walk().task().modules, replicas)
    return {name: np.asarray(value) for name, value in stored}


def restored(arrays, replicas):
    task = Walk().task()
    return from_arrays(0, arrays, task.modules, task.state_structure, replicas)


def test_replicas_that_are_spread_over_other_workers_are_told(arrays, replicas):
    """Four workers of one replica each are not one worker of four."""
    with pytest.raises(RunError, match="4 replicas on each worker and .* with 1"):
        restored(arrays | {"num_local": np.array(4)}, replicas)


def test_checkpoints_that_do_not_tell_it_are_loaded(arrays, replicas):
    del arrays["num_local"]
    assert restored(arrays, replicas).step == 0
