"""Two logical CPU devices for all tests: replicas without a second machine."""

import gc
import os
import pathlib
import random
from collections.abc import Iterator

import ebm_tf  # noqa: F401  TensorFlow reads what this sets

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import pytest
import tensorflow as tf

# Before the first op: devices cannot be divided later. Figures are those of a CPU.
tf.config.set_visible_devices([], "GPU")
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 2,
)

from ebm_tf.runtime.distribution import forget_programs, make_replicas  # noqa: E402
from tests.joint_runs import tiny_joint  # noqa: E402
from tests.runs import learn_here, tiny  # noqa: E402


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage looks at it again."""
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _same_networks_in_a_file() -> None:
    keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True, scope="module")
def _no_programs_of_other_files() -> Iterator[None]:
    """Lets go of what a file has traced."""
    yield
    forget_programs()


@pytest.fixture(autouse=True, scope="session")
def _indexes_of_images(tmp_path_factory) -> None:
    """No test writes to the folder of a user."""
    os.environ["EBM_TF_IMAGES"] = str(tmp_path_factory.mktemp("indexes"))


@pytest.fixture(autouse=True)
def _same_networks_in_every_order() -> None:
    """Networks begin with the same weights, whichever tests ran before.

    Keras draws their seeds from Python. To seed TensorFlow as well would take 7 % of
    the time of tests, for it forgets its kernels then.
    """
    random.seed(2)
    np.random.seed(2)


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Iterator[tuple[pathlib.Path, dict]]:
    """The folder and results of a short run with digits, for tests to read or copy."""
    run = learn_here(tiny(), tmp_path_factory.mktemp("digits_run"))
    before = _contents(run[0])
    yield run
    assert _contents(run[0]) == before, "a test has changed what others read"


@pytest.fixture(scope="session")
def joint_digits_run(tmp_path_factory) -> Iterator[tuple[pathlib.Path, dict]]:
    """The same of a joint model whose chains have classes."""
    config = tiny_joint("conditional=True")
    run = learn_here(config, tmp_path_factory.mktemp("joint_digits_run"))
    before = _contents(run[0])
    yield run
    assert _contents(run[0]) == before, "a test has changed what others read"


def _contents(folder: pathlib.Path) -> dict[pathlib.Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="session")
def two_replicas() -> tf.distribute.Strategy:
    """The very strategy of whole runs: a second one would mix up the collectives."""
    strategy = make_replicas("cpu").strategy
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture(scope="session")
def one_replica() -> tf.distribute.Strategy:
    return tf.distribute.OneDeviceStrategy("CPU:0")
