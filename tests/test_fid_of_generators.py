"""Measurements of generators alone: chains that do not move."""

import dataclasses
import json
import pathlib

import keras
import numpy as np
import pytest

from configs.digits_sngan import config as sngan
from ebm_tf import fid
from ebm_tf.config.core import load
from ebm_tf.config.fid import SampleMeasurement, Sweep
from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.config.parts import GeneratorNetwork, Network
from ebm_tf.errors import ConfigError, UnnamedWeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.runtime.run_folders import create
from ebm_tf.runtime.weight_files import FOLDER, save_weights, weights_name
from ebm_tf.sampling.segments import load_samples
from tests.runs import ROOT, learn_here, measuring, tiny

NETWORK = GeneratorNetwork(width=4, latent_size=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> pathlib.Path:
    """A run of train_gen.py with weights, averaged and raw, of two updates."""
    config = dataclasses.replace(sngan, generator=NETWORK)
    workspace = create(str(tmp_path_factory.mktemp("runs")), config, 1_700_000_000)
    for index, (role, step) in enumerate(
        (role, step) for role in ("generator_average", "generator") for step in (3, 6)
    ):
        keras.utils.set_random_seed(index)
        model = build(NETWORK, 8, 1, "float32")
        # So that its images are no grey.
        model.set_weights([3.0 * weights for weights in model.get_weights()])
        save_weights(model, workspace.path(FOLDER, weights_name(role, step)))
    return pathlib.Path(workspace.folder)


def config_of(run: pathlib.Path, **settings: object) -> SampleMeasurement:
    given = {"start": "generator", "generator": NETWORK, "num_steps": 0}
    return measuring(tiny(), run, **given | settings)


def samples_in(folder: pathlib.Path) -> np.ndarray:
    return np.concatenate([images for images, _ in load_samples(str(folder), 0)])


@pytest.fixture(scope="module")
def measured(run, tmp_path_factory) -> tuple[pathlib.Path, dict]:
    return learn_here(config_of(run), tmp_path_factory.mktemp("measured"))


def test_a_generator_is_measured_without_an_energy(measured, run):
    folder, results = measured
    path = str(run / FOLDER / weights_name("generator_average", 6))
    assert results["weights"] == {"generator": path}
    assert results["frechet_pixels"] > 0 and results["num_samples"] == 20
    assert not (folder / "plots" / "traces.png").exists()
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
    assert lines and all("energy" not in line for line in lines)


def test_the_energy_does_not_matter(measured, run, tmp_path):
    config = config_of(run, energy=Network(width=3), temperature=7.0)
    folder, results = learn_here(config, tmp_path)
    np.testing.assert_array_equal(samples_in(folder), samples_in(measured[0]))
    assert results["frechet_pixels"] == measured[1]["frechet_pixels"]


def test_raw_weights_and_files_are_meant_likewise(measured, run, tmp_path):
    raw = learn_here(config_of(run, weights_kind="raw"), tmp_path / "raw")
    path = str(run / FOLDER / weights_name("generator", 6))
    assert raw[1]["weights"] == {"generator": path}
    assert not np.array_equal(samples_in(raw[0]), samples_in(measured[0]))
    named = dataclasses.replace(NETWORK, weights=path)
    config = dataclasses.replace(config_of(run, generator=named), weights=None)
    folder, _ = learn_here(config, tmp_path / "file")
    np.testing.assert_array_equal(samples_in(folder), samples_in(raw[0]))


def test_generators_are_swept(run, measured, tmp_path):
    _, results = learn_here(config_of(run, sweep=Sweep()), tmp_path)
    found = {row["update"]: row["frechet_pixels"] for row in results["by_update"]}
    assert (
        found.keys() == {3, 6} and found[6] == measured[1]["frechet_pixels"] != found[3]
    )


def test_a_dry_run_tells_of_the_generator_only(run):
    text = "\n".join(fid.describe(config_of(run)))
    assert "generator: sngan_generator" in text and "energy" not in text
    with pytest.raises(UnnamedWeightsError, match="The generator of"):
        list(fid.describe(dataclasses.replace(config_of(run), weights=None)))


def test_chains_that_move_need_an_energy(run, tmp_path):
    with pytest.raises(ConfigError, match="train_gen.py and did not learn an energy"):
        learn_here(config_of(run, num_steps=(0, 1)), tmp_path)
    unnamed = dataclasses.replace(config_of(run, denoising_steps=1), weights=None)
    with pytest.raises(UnnamedWeightsError, match="The energy of"):
        learn_here(unnamed, tmp_path)


@pytest.mark.parametrize("name", ["digits", "mnist", "cifar10", "celeb_a", "imagenet"])
def test_every_generator_has_its_measurement(name):
    config = load(str(ROOT / "configs_fid" / f"{name}_generator.py"))
    learned = load(str(ROOT / "configs" / f"{name}_sngan.py"))
    assert isinstance(config, SampleMeasurement)
    assert isinstance(learned, GeneratorTraining)
    assert not config.moves and config.start == "generator"
    assert config.generator == learned.generator
    assert config.data.image_size == learned.data.image_size
    assert config.data.name == learned.data.name
