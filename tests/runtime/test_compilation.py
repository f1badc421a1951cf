"""A run compiles each of its programs once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.runtime.distribution import Replicas, distributed, local, replicated
from tests.runs import learn_here, tiny


@pytest.fixture
def compiled(monkeypatch) -> list[Any]:
    """Every tf.function that is made while a test runs."""
    made, original = [], tf.function

    def recording(function: Callable | None = None, **settings: Any) -> Any:
        if function is None:
            return lambda given: recording(given, **settings)
        made.append(original(function, **settings))
        return made[-1]

    monkeypatch.setattr(tf, "function", recording)
    return made


@pytest.mark.slow
def test_no_program_of_a_run_is_traced_twice(compiled, tmp_path):
    learn_here(tiny(), tmp_path)
    ours = [x for x in compiled if x.python_function.__module__.startswith("ebm_tf.")]
    # The sampler is traced on each replica of each program that calls it.
    outer = [x for x in ours if x.python_function.__name__ != "sample"]
    assert "replicated.<locals>.run" in {x.python_function.__qualname__ for x in outer}
    assert max(x.experimental_get_tracing_count() for x in outer) == 1


def test_a_step_returns_its_state_to_where_it_lay(two_replicas):
    """TensorFlow compiles a traced program again for arguments on another device."""
    replicas = Replicas(two_replicas, jit=False)
    step = replicated(replicas, lambda state, batch, seed: (state + batch, {}, ()))
    parts = [np.full([3], index, np.float32) for index in range(2)]
    before = distributed(replicas, parts)
    after, _, _ = step(before, distributed(replicas, parts), tf.constant([0, 1]))
    places = [
        [part.backing_device for part in local(replicas, x)] for x in (before, after)
    ]
    assert places[0] == places[1] and len(set(places[0])) == 2
