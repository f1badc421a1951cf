"""Every config names its command, builds its networks and learns."""

import dataclasses
import pathlib
import re

import numpy as np
import pytest

from ebm_tf import train
from ebm_tf.config import core
from ebm_tf.config.ebm import EbmExperiment, EbmLearning, LongRunTraining
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.data.preparation import prepare
from ebm_tf.evaluation import quality
from ebm_tf.models.catalogue import build
from ebm_tf.models.ebm import image_shape
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.workspace import Workspace
from tests.data.raw_files import write_cifar, write_mnist
from tests.runs import (
    ROOT,
    assert_same_arrays,
    models_of,
    saved_arrays,
    weights,
    without_values,
)

CONFIGS = sorted(ROOT.glob("configs*/*.py"))


def load(name: str) -> EbmLearning:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, EbmLearning)
    return config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_docstring_says_the_command(path):
    text = path.read_text()
    commands = re.findall(r"^python3 (ebm_tf/\w+\.py) (\S+)", text, re.MULTILINE)
    program, file = commands[0]
    assert file == str(path.relative_to(ROOT))
    assert program == f"ebm_tf/{core.load(str(path)).executable}.py"
    config = core.load(str(path))
    if isinstance(config, EbmLearning) and config.generator is not None:
        if config.generator_optimizer is None and not config.generator.weights:
            assert "--set generator.weights=FILE" in text
    if isinstance(config, LongRunTraining):
        assert "--set prior.weights=RUN" in text
    if isinstance(config, SampleMeasurement):
        assert "--set weights=RUN" in text
        if config.features.name == "inception_2015":
            assert "--set features.weights=classify_image_graph_def.pb" in text


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if isinstance(core.load(str(path)), EbmExperiment)],
    ids=lambda path: path.stem,
)
def test_networks_are_built(path):
    config = core.load(str(path))
    assert isinstance(config, EbmExperiment)
    with without_values():
        models, shape = models_of(config), (None, *image_shape(config))
    assert (models.prior is None) == (config.prior is None)
    for energy in filter(None, (models.energy, models.prior)):
        assert energy.input_shape == shape and energy.output_shape == (None, 1)
        assert energy.count_params() > 1000
    assert (models.generator is None) == (config.generator is None)
    if models.generator is not None and config.generator is not None:
        assert models.generator.output_shape == shape
        conditional = config.generator.architecture == "biggan_conditional"
        latents = config.generator.latent_size + conditional
        assert models.generator.input_shape == (None, latents)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    """CIFAR-10 and MNIST of a few made-up images, in TFDS format."""
    folder = tmp_path_factory.mktemp("data")
    write_cifar(folder / "cifar", {"data_batch_1.bin": 12, "test_batch.bin": 4})
    write_mnist(folder / "mnist", train=12, test=4)
    for name, raw in [("cifar10", "cifar"), ("mnist", "mnist")]:
        prepare(name, str(folder / raw), str(folder / "tfds"))
    return str(folder / "tfds")


def tiny(name: str, data_dir: str, num_updates: int = 2) -> EbmLearning:
    """The experiment with everything small that makes it slow."""
    config = load(name)
    generator, prior = config.generator, config.prior
    small = {"num_steps": 2, "bank_size": 8}
    if prior is not None:
        weights = str(pathlib.Path(data_dir) / f"{name}_prior.weights.h5")
        prior = dataclasses.replace(prior, width=4)
        build(prior, 32, 3, "float32").save_weights(weights)
        prior = dataclasses.replace(prior, weights=weights)
        small |= {"burn_in_size": 8, "burn_in_steps": 2, "burn_in_visits": 1}
    if generator is not None:
        generator = dataclasses.replace(generator, width=4)
        if config.generator_optimizer is None:
            weights = str(pathlib.Path(data_dir) / f"{name}.weights.h5")
            build(generator, 32, 3, "float32").save_weights(weights)
            generator = dataclasses.replace(generator, weights=weights)
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, directory=data_dir),
        energy=dataclasses.replace(config.energy, width=4),
        chains=dataclasses.replace(config.chains, **small),
        generator=generator,
        prior=prior,
        samples=dataclasses.replace(config.samples, num_samples=4, num_steps=2),
        batch=4,
        num_updates=num_updates,
        log_every=1,
    )


@pytest.fixture
def unmeasured(monkeypatch) -> None:
    """Without the distance in 3,072 dimensions, which takes seconds."""
    monkeypatch.setattr(quality, "MOST_DIMENSIONS", 64)


def learn(config: EbmLearning, run: Workspace) -> dict:
    results = train.run(config, run)
    assert results["num_updates"] == config.num_updates
    return saved_arrays(pathlib.Path(run.folder), config.num_updates)


def create(folder, config: EbmLearning) -> Workspace:
    return run_folders.create(str(folder), config, 1_700_000_000)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(
    "name",
    [
        "cifar10_medconv",
        "cifar10_medconv_data",
        "cifar10_prior",
        "cifar10_conv",
        "cifar10_conv_data",
        "mnist_nonconv",
    ],
)
def test_two_steps_at_32_pixels(name, data_dir, tmp_path):
    config = tiny(name, data_dir)
    run = create(tmp_path, config)
    arrays = learn(config, run)
    begun = saved_arrays(pathlib.Path(run.folder), 0)
    shape = (4, 32, 32, config.data.channels)
    for replica in (0, 1):
        images = arrays[f"state/{replica}/0"]
        assert images.shape == shape and np.isfinite(images).all()
        assert not np.array_equal(images, begun[f"state/{replica}/0"])
    assert np.isfinite(arrays["history"]).all() and len(arrays["history"]) == 2
    assert not np.array_equal(arrays["energy/0"], begun["energy/0"])
    assert not any(key.startswith("generator_optimizer") for key in arrays)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_a_cooperative_run_in_two_pieces_is_one_run(data_dir, tmp_path):
    config = tiny("cifar10_nonconv", data_dir, num_updates=4)
    config = dataclasses.replace(config, save_every=2)
    run = create(tmp_path, config)
    folder = pathlib.Path(run.folder)
    expected, metrics = learn(config, run), (folder / "metrics.jsonl").read_text()
    begun, half = saved_arrays(folder, 0), saved_arrays(folder, 2)
    averaged = folder / "weights" / "generator_average_00000004.weights.h5"
    means = weights(averaged)
    averaged.unlink()
    for path in folder.glob("checkpoints/*/00000004.*"):
        path.unlink()
    arrays = learn(config, run)
    assert_same_arrays(arrays, expected)
    assert_same_arrays(weights(averaged), means)
    assert (folder / "metrics.jsonl").read_text() == metrics
    names = [key for key in arrays if key.startswith("generator/")]
    moved = [key for key in names if not np.array_equal(arrays[key], begun[key])]
    assert len(moved) >= len(names) - 2
    assert not np.array_equal(half["generator/0"], arrays["generator/0"])
    # Each chain keeps its latent: the bank holds one for every image.
    assert arrays["state/0/1"].shape == (4, 128)
