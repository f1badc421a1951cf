"""A run folder that holds weights alone."""

import pathlib

import pytest

from ebm_tf.runtime.weight_files import save_weights
from tests.store.small_weights import network


@pytest.fixture
def run(tmp_path) -> pathlib.Path:
    """A run folder with weights of two roles and steps."""
    folder = tmp_path / "run"
    (folder / "weights").mkdir(parents=True)
    for step in (9, 10_000):
        for index, role in enumerate(("energy", "energy_average", "generator_average")):
            path = folder / "weights" / f"{role}_{step:08d}.weights.h5"
            save_weights(network(seed=step + index), str(path))
    return folder
