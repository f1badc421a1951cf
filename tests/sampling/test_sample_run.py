"""Chains in segments are the chains that would have been run at once."""

import dataclasses
import functools
import json
import pathlib
import signal
from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import (
    GeneratorNetwork,
    Langevin,
    MomentumLangevin,
    Network,
    Samples,
)
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError, EarlyStopError
from ebm_tf.models.ebm import EbmModels
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.loop import Moment
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling import segments
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.segments import load_samples, run_chains, saved_steps, schedule_of
from tests.runs import assert_same_arrays, measuring, models_of, saved_arrays, tiny
from tests.slow import slow

STEPS = 7
GENERATOR = GeneratorNetwork(width=4, latent_size=5)
# Chains that have more than images: a velocity, and a class on top of it.
MOMENTUM = {"langevin": MomentumLangevin(noise=0.01, momentum=0.8)}
CLASSES = MOMENTUM | {
    "energy": ClassifierNetwork(architecture="small_cnn", width=2, num_classes=3),
    "conditional": True,
}


def settings(**changed) -> SampleMeasurement:
    """Three rounds of 20 chains, the last of which counts for half."""
    given = {"num_samples": 50, "num_steps": STEPS, "num_reference": 50}
    if changed.get("start") == "generator":
        changed["generator"] = GENERATOR
    return measuring(tiny(), "none", **given | changed)


@functools.cache
def models(start: str, energy: Network | ClassifierNetwork | None = None) -> EbmModels:
    keras.utils.set_random_seed(1)
    named = {"energy": energy} if energy else {}
    return models_of(settings(start=start, **named))


@pytest.fixture
def replicas(two_replicas) -> Replicas:
    return Replicas(two_replicas, jit=False)


@functools.cache  # what is the same is compiled once
def chains_of(config: SampleMeasurement, replicas: Replicas) -> EbmSampling:
    with replicas.strategy.scope():
        networks = models(config.start, config.energy)
    return EbmSampling(config, replicas, networks, open_source(config.data))


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_kept() -> Iterator[None]:
    yield
    chains_of.cache_clear()
    models.cache_clear()


def run(config: SampleMeasurement, replicas: Replicas, folder) -> pathlib.Path:
    """Runs chains of untrained networks, or what is left of them."""
    run_chains(config, chains_of(config, replicas), Workspace(str(folder)))
    return pathlib.Path(folder)


def samples_in(folder: pathlib.Path, num_steps: int) -> np.ndarray:
    rounds = list(load_samples(str(folder), num_steps))
    assert not any(broken for _, broken in rounds)
    return np.concatenate([images for images, _ in rounds])


def at_once(config: SampleMeasurement, replicas: Replicas, num_steps: int = STEPS):
    """The same chains as learning draws them when it ends: not in segments."""
    whole = Samples(
        num_samples=60, num_steps=num_steps, denoising_steps=config.denoising_steps
    )
    images = chains_of(config, replicas).fresh_samples(whole)
    return pixels.to_bytes(images)


@pytest.mark.parametrize(
    ("changed", "num_rounds", "ends"),
    [
        ({"num_steps": 1000}, 3, tuple(range(10, 1001, 10))),
        ({"num_steps": 99}, 3, tuple(range(1, 100))),
        ({"num_steps": 101, "num_samples": 61}, 4, (*range(2, 101, 2), 101)),
        ({"num_steps": 7, "record_every": 3, "num_samples": 60}, 3, (3, 6, 7)),
        ({"num_steps": 7, "record_every": 50, "num_samples": 2}, 1, (7,)),
        ({"num_steps": (2, 7, 9), "record_every": 4}, 3, (2, 4, 7, 8, 9)),
        ({"num_steps": (0, 7), "record_every": 4}, 3, (0, 4, 7)),
        ({"num_steps": 0}, 3, (0,)),
    ],
)
def test_the_schedule(changed, num_rounds, ends):
    config = settings(**{"record_every": None, **changed})
    found = schedule_of(config)
    assert (found.num_rounds, found.ends) == (num_rounds, ends)
    assert set(config.measured_steps) <= set(ends)
    assert found.num_segments == num_rounds * len(ends)
    places = [found.place(done) for done in range(found.num_segments)]
    assert places == [(i, p) for i in range(num_rounds) for p in range(len(ends))]


@pytest.mark.parametrize(
    ("start", "record_every", "more"),
    [
        slow("noise", 1, {}),
        slow("noise", 3, {}),
        slow("noise", 7, {}),
        slow("data", 3, {}),
        ("generator", 3, {}),
        slow("noise", 3, MOMENTUM),
        ("noise", 3, CLASSES),
    ],
)
def test_segments_make_the_chain(replicas, tmp_path, start, record_every, more):
    config = settings(start=start, record_every=record_every, **more)
    folder = run(config, replicas, tmp_path)
    images = samples_in(folder, STEPS)
    assert images.shape == (60, 8, 8, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(images, at_once(config, replicas))
    # Replicas and rounds have noise and starts of their own.
    assert len({image.tobytes() for image in images}) == 60
    files = [np.load(path) for path in sorted(folder.glob("samples/*/*.npz"))]
    assert all(("labels" in file) == config.conditional for file in files)
    if config.conditional:  # chain i of all has the class i mod 3
        labels = np.concatenate([file["labels"] for file in files])
        np.testing.assert_array_equal(labels, np.arange(60) % 3)


@pytest.mark.slow
def test_images_on_the_way_are_those_of_shorter_chains(replicas, tmp_path):
    config = settings(num_steps=(2, 3, 7), denoising_steps=2)
    folder = run(config, replicas, tmp_path)
    assert saved_steps(str(folder)) == [2, 3, 7]
    for num_steps in (2, 3, 7):
        images = samples_in(folder, num_steps)
        expected = at_once(config, replicas, num_steps)
        np.testing.assert_array_equal(images, expected)
    noisy = dataclasses.replace(config, denoising_steps=0)
    assert not np.array_equal(images, at_once(noisy, replicas))


def test_chains_that_start_from_data_start_from_all_of_it(replicas, tmp_path):
    still = Langevin(noise=1e-6, drift=1e-12)
    config = settings(start="data", num_samples=100, num_steps=1, langevin=still)
    images = samples_in(run(config, replicas, tmp_path), 1)
    data, _ = load_images(open_source(config.data), config.data)
    assert [len(images), len(data)] == [100, 100]
    expected = {image.tobytes() for image in pixels.to_bytes(data)}
    assert {image.tobytes() for image in images} == expected


def test_after_no_steps_there_is_what_chains_begin_from(replicas, tmp_path):
    data, _ = load_images(open_source(settings().data), settings().data)
    only = settings(start="data", num_samples=100, num_steps=0, denoising_steps=0)
    images = samples_in(run(only, replicas, tmp_path / "only"), 0)
    expected = {image.tobytes() for image in pixels.to_bytes(data)}
    assert {image.tobytes() for image in images} == expected


@pytest.mark.parametrize("start", ["noise", *(slow(x) for x in ("data", "generator"))])
def test_measuring_the_beginning_leaves_the_chains_alone(replicas, tmp_path, start):
    """They go on as without it, and its energy is that of the images there."""
    config = settings(start=start, num_steps=(0, STEPS), denoising_steps=0)
    folder = run(config, replicas, tmp_path)
    np.testing.assert_array_equal(samples_in(folder, STEPS), at_once(config, replicas))
    began = pixels.from_bytes(samples_in(folder, 0)[:20])
    assert not np.array_equal(began, pixels.from_bytes(samples_in(folder, STEPS)[:20]))
    energy = models(start).energy(began)[:, 0] / config.temperature
    np.testing.assert_allclose(traces(folder)[0][0], energy, atol=0.3)  # bytes


def traces(folder: pathlib.Path) -> list[np.ndarray]:
    """Energies and drifts [segments, chains] of the newest checkpoint."""
    arrays = saved_arrays(folder)
    return [
        np.concatenate([arrays[f"state/{replica}/{leaf}"] for replica in (0, 1)], 1)
        for leaf in (1, 2)
    ]


def test_only_the_first_round_is_traced(replicas, tmp_path):
    one = run(settings(num_samples=20), replicas, tmp_path / "one")
    three = run(settings(), replicas, tmp_path / "three")
    for first, again in zip(traces(one), traces(three), strict=True):
        assert first.shape == (4, 20) and (first != 0).all()
        np.testing.assert_array_equal(first, again)
    assert (one / "plots/traces.png").read_bytes() == (
        three / "plots/traces.png"
    ).read_bytes()
    lines = [json.loads(line) for line in (one / "metrics.jsonl").open()]
    energies, drifts = traces(one)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    for name, values in (("energy", energies), ("drift_norm", drifts)):
        logged = [line[name] for line in lines]
        np.testing.assert_allclose(logged, values.mean(1), rtol=1e-5)


class KilledError(Exception):
    """As if the process had been killed."""


def stop_at(step: int, how: str):
    """Ends the work at a step, by a signal or at once."""

    def stop(moment: Moment) -> None:
        if moment.step == step and how == "signal":
            signal.raise_signal(signal.SIGTERM)
        elif moment.step == step:
            raise KilledError

    return lambda *_: stop


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Everything that depends on the chains alone."""
    names = ("samples/*/*", "images/*", "plots/*", "metrics.jsonl")
    paths = [path for name in names for path in folder.glob(name)]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("start", "step", "how", "more"),
    [
        ("noise", 6, "signal", {}),
        slow("noise", 2, "kill", {}),
        slow("data", 11, "kill", {}),
        slow("generator", 8, "signal", {}),
        ("noise", 7, "kill", CLASSES),
    ],
)
def test_chains_go_on_in_the_middle_of_a_round(
    replicas, tmp_path, monkeypatch, start, step, how, more
):
    config = settings(start=start, num_steps=(3, STEPS), save_every=3, **more)
    assert schedule_of(config).ends == (2, 3, 4, 6, 7)
    whole = run(config, replicas, tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(segments.actions, "show_progress", stop_at(step, how))
        stopped = EarlyStopError if how == "signal" else KilledError
        with pytest.raises(stopped) as error:
            run(config, replicas, tmp_path / "cut")
    if how == "signal":
        message = f"Stopped by SIGTERM and saved after {step} of 15 segments."
        assert str(error.value) == message
    cut = run(config, replicas, tmp_path / "cut")
    assert contents(cut) == contents(whole)
    assert_same_arrays(saved_arrays(cut), saved_arrays(whole))


def test_finished_chains_are_not_run_again(replicas, tmp_path, monkeypatch):
    folder = run(settings(), replicas, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("samples/*/*")}
    monkeypatch.setattr(segments.actions, "show_progress", stop_at(12, "kill"))
    run(settings(), replicas, folder)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_other_weights_are_not_compiled_again(replicas, tmp_path):
    """What a sweep does: the same chains in other folders."""
    config, traces = settings(denoising_steps=1), []
    energy = models("noise").energy

    def traced(images: tf.Tensor, **how) -> tf.Tensor:
        traces.append(images.shape)
        return energy(images, **how)

    given = chains_of(config, replicas)
    chains = dataclasses.replace(given, models=EbmModels(traced, None, None))
    counts, samples = [], []
    bias = energy.layers[-1].weights[0]
    for factor in (1.0, 1.5):
        bias.assign(bias * factor)
        run_chains(config, chains, Workspace(str(tmp_path / str(factor))))
        counts.append(len(traces))
        samples.append(samples_in(tmp_path / str(factor), STEPS))
    bias.assign(bias / 1.5)
    assert counts[0] == counts[1] > 0
    assert not np.array_equal(*samples), "these weights are others"


def test_a_batch_is_spread_evenly(replicas, tmp_path):
    with pytest.raises(ConfigError, match="batch=21 to be divisible by 2 replicas"):
        run(settings(batch=21), replicas, tmp_path)
