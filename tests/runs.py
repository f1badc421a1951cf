"""Whole runs that are small enough for a test, as a user starts them."""

import contextlib
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple
from unittest import mock

import h5py
import keras
import numpy as np

from ebm_tf.config import core
from ebm_tf.config.core import Experiment
from ebm_tf.config.ebm import EbmExperiment, EbmLearning, EbmTraining
from ebm_tf.config.fid import FeatureExtractor, SampleMeasurement, measurement_of
from ebm_tf.config.overrides import override
from ebm_tf.models.ebm import EbmModels, build_energy
from ebm_tf.runtime import launch

ROOT = pathlib.Path(__file__).resolve().parents[1]
TRAIN = ROOT / "ebm_tf" / "train.py"
FID = ROOT / "ebm_tf" / "fid.py"
DIGITS = ROOT / "configs" / "digits_nonconv.py"
DIGITS_FID = ROOT / "configs_fid" / "digits_shortrun.py"
TINY = {
    "num_updates": 48,
    "save_every": 3,
    "log_every": 8,
    "picture_every": 100,
    "batch": 20,
    "data.split": "train[:100]",
    "energy.width": 4,
    "chains.num_steps": 2,
    "chains.bank_size": 60,
    "samples.num_samples": 20,
    "samples.num_steps": 2,
}
# The bank makes a checkpoint the largest file, for the test of a full disk.
SHORT = {
    "num_updates": 9,
    "log_every": 3,
    "picture_every": 6,
    "chains.bank_size": 2000,
    "samples.num_steps": 4,
    "samples.denoising_steps": 1,
}

# What makes learning a generator short, as --set takes it.
SHORT_GENERATOR = [
    "data.split=train[:100]",
    "generator.width=4",
    "generator.latent_size=6",
    "discriminator.width=4",
    "discriminator_updates=2",
    "num_updates=4",
    "batch=10",
    "num_samples=20",
    "save_every=2",
    "log_every=2",
    "measure_every=4",
    "picture_every=4",
]


SECONDS = 120


class Done(NamedTuple):
    """How a process ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def folder(self) -> pathlib.Path:
        """The run folder, which is the last line."""
        return pathlib.Path(self.out.splitlines()[-1])


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Networks that are built here are only looked at: they need no memory."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    keras.utils.clear_session()  # else the next network of all fills these, too


def models_of(config: EbmExperiment) -> EbmModels:
    """The networks of an experiment, with fresh weights."""
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    networks = (config.energy, config.generator, config.prior)
    return EbmModels(*(one and build_energy(one, *shape) for one in networks))


def assignments(**changed: object) -> list[str]:
    """--set flags of a tiny run; dots in names are written as double underscores."""
    given = TINY | {name.replace("__", "."): value for name, value in changed.items()}
    return [text for name, v in given.items() for text in ("--set", f"{name}={v}")]


def start(
    *arguments: object,
    program: Sequence[object] = (TRAIN,),
    cwd: pathlib.Path | None = None,
    env: Mapping[str, str] | None = None,
    prepare: Callable[[], object] | None = None,
) -> subprocess.Popen[str]:
    """Starts a program; `prepare` runs in its process first."""
    return subprocess.Popen(
        [sys.executable, *map(str, program), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        preexec_fn=prepare,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> Done:
    """Waits for the end of a process."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return Done(process.returncode, out, err)


def run_program(*arguments: object, **how) -> Done:
    """Runs a program, by default train.py, to its end."""
    return finish(start(*arguments, **how))


def run_here(
    *arguments: object, cwd: pathlib.Path = ROOT, executable: str | None = "train"
) -> Done:
    """Runs a command line in this process, on its two devices."""
    out, err = io.StringIO(), io.StringIO()
    words = [str(TRAIN), *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", words),
    ):
        code = launch.main(executable)
    return Done(code, out.getvalue(), err.getvalue())


def learn(output: pathlib.Path, **changed: object) -> pathlib.Path:
    """Runs a tiny experiment with digits to its end and returns its folder."""
    done = run_program(DIGITS, "--output", output, *assignments(**changed))
    assert (done.code, done.err) == (0, ""), done
    return done.folder


def tiny(**changed: object) -> EbmTraining:
    """A short experiment with digits."""
    settings = TINY | SHORT | changed
    config = core.load(str(DIGITS))
    return override(config, [f"{name}={v}" for name, v in settings.items()])


def measuring(
    learning: EbmLearning, run: object, **settings: object
) -> SampleMeasurement:
    """A short measurement, in pixels, of what a run has learned."""
    given = {"num_samples": 20, "batch": 20, "num_steps": 4, "record_every": 2}
    return measurement_of(
        learning,
        **{
            "name": f"{learning.name}_fid",
            "features": FeatureExtractor(name="pixels"),
            "weights": str(run),
            **given,
            **settings,
        },
    )


def learn_here(config: Experiment, output: pathlib.Path) -> tuple[pathlib.Path, dict]:
    """Runs an experiment in this process; its folder and results."""
    from ebm_tf.runtime import run_folders  # TensorFlow, which not every test needs

    executable = importlib.import_module(f"ebm_tf.{config.executable}")
    run = run_folders.create(str(output), config, 1_700_000_000)
    results = executable.run(config, run)
    run.write_results(results)
    return pathlib.Path(run.folder), results


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Polls closely, so that what is done next hits the moment."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None, finish(process)
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def run_folder(output: pathlib.Path) -> pathlib.Path | None:
    """The one run folder below an output folder, once its config is written."""
    configs = list(output.glob("*/*/config.json"))
    return configs[0].parent if configs else None


def checkpoint_folder(folder: pathlib.Path, worker: int = 0) -> pathlib.Path:
    return folder / "checkpoints" / f"worker_{worker}"


def saved_steps(folder: pathlib.Path, worker: int = 0) -> list[int]:
    """Steps of the whole checkpoints of a run."""
    names = checkpoint_folder(folder, worker).glob("*.json")
    return sorted(int(name.stem) for name in names)


def saved_arrays(
    folder: pathlib.Path, step: int | None = None, worker: int = 0
) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint, the newest one by default."""
    step = saved_steps(folder, worker)[-1] if step is None else step
    with np.load(checkpoint_folder(folder, worker) / f"{step:08d}.npz") as stored:
        return dict(stored)


def figures(folder: pathlib.Path) -> dict:
    """The results of a run, less the one that depends on the clock."""
    results = json.loads((folder / "results.json").read_text())
    results.pop("updates_per_second")
    return results


def weights(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Every dataset of a weight file."""
    values = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                values.update({name: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return values


def assert_same_arrays(first: Mapping, second: Mapping) -> None:
    """Bit for bit, NaN included."""
    assert list(first) == list(second)
    for name, value in first.items():
        other = second[name]
        assert value.dtype == other.dtype and value.shape == other.shape, name
        assert value.tobytes() == other.tobytes(), f"{name} differs"


def assert_same_run(first: pathlib.Path, second: pathlib.Path) -> None:
    """A run, stopped or not, ended as one that never was: all its files are there.

    Weights, averages, banks, metrics and pictures are the same.
    """
    assert_same_arrays(saved_arrays(first), saved_arrays(second))
    assert (first / "metrics.jsonl").read_text() == (
        second / "metrics.jsonl"
    ).read_text()
    assert figures(first) == figures(second)
    names = files(second)
    # A run that was stopped has weights of that moment besides.
    assert set(names) <= set(files(first))
    assert all("weights/" in name for name in set(files(first)) - set(names))
    for name in names:
        if name.endswith(".h5"):
            assert_same_arrays(weights(first / name), weights(second / name))
        else:
            assert (first / name).read_bytes() == (second / name).read_bytes(), name


def files(folder: pathlib.Path) -> list[str]:
    """The pictures and weight files of a run."""
    return sorted(
        f"{part}/{path.name}"
        for part in ("images", "weights")
        for path in (folder / part).iterdir()
    )
