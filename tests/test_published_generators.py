"""The configs of generators say what was published, and learn."""

import dataclasses
import pathlib

import numpy as np
import pytest

from ebm_tf import train_gen
from ebm_tf.config import core
from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.config.optimizers import Linear
from ebm_tf.data.preparation import prepare
from ebm_tf.evaluation import quality
from ebm_tf.models.catalogue import build
from tests.data.raw_files import write_cifar, write_mnist
from tests.runs import ROOT, learn_here, saved_arrays

NAMES = [
    path.stem
    for path in sorted(ROOT.glob("configs/*.py"))
    if isinstance(core.load(str(path)), GeneratorTraining)
]
# Lee and Town (2020): data, side, updates of the generator, weights of both networks.
PUBLISHED = {
    "cifar10_sngan": ("cifar10", 32, 100_000, 4_276_739, 1_053_825),
    "celeb_a_sngan": ("celeb_a", 64, 100_000, 12_220_675, 10_141_441),
    "imagenet_sngan": ("imagenet2012", 128, 450_000, 32_150_787, 29_017_857),
}
# Those whose rates stay, as published (Bigolin Lanfredi et al., 2023).
GAMES_OF_CLASSES = {name for name in NAMES if "_cgan" in name}


def load(name: str) -> GeneratorTraining:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, GeneratorTraining)
    return config


def test_all_configs_are_there():
    assert {n for n in NAMES if n not in GAMES_OF_CLASSES} == {
        *PUBLISHED,
        "digits_sngan",
        "mnist_sngan",
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values_are_as_published(name):
    config = load(name)
    data, size, num_updates, *_ = PUBLISHED[name]
    assert (config.data.name, config.data.image_size) == (data, size)
    assert (config.num_updates, config.batch) == (num_updates, 64)
    assert config.discriminator_updates == 5 and config.discriminator.spectral_norm
    assert config.generator.latent_size == 128 and config.generator.num_classes is None
    assert config.generator.for_rectifiers
    for optimizer, count in (
        (config.generator_optimizer, num_updates),
        (config.discriminator_optimizer, 5 * num_updates),
    ):
        assert optimizer.name == "adam" and optimizer.max_grad_norm is None
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)
        assert optimizer.learning_rate == Linear(first=2e-4, num_steps=count, last=0.0)


@pytest.mark.parametrize("name", sorted({*NAMES} - GAMES_OF_CLASSES))
def test_rates_of_both_networks_end_with_the_run(name):
    config = load(name)
    for optimizer, times in (
        (config.generator_optimizer, 1),
        (config.discriminator_optimizer, config.discriminator_updates),
    ):
        assert isinstance(optimizer.learning_rate, Linear)
        assert optimizer.learning_rate.num_steps == times * config.num_updates


def num_trained(model) -> int:
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks(name):
    config = load(name)
    shape = (config.data.image_size, config.data.channels, "float32")
    counts = PUBLISHED[name][3:]
    assert counts == (
        num_trained(build(config.generator, *shape)),
        num_trained(build(config.discriminator, *shape)),
    )


def test_generators_of_laptops_are_small_enough_to_be_shipped():
    for name in ("digits_sngan", "mnist_sngan"):
        config = load(name)
        shape = (config.data.image_size, config.data.channels, "float32")
        model = build(config.generator, *shape)
        assert 2 * 4 * model.count_params() < 1_200_000


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> str:
    """CIFAR-10 and MNIST of a few made-up images, in TFDS format."""
    folder = tmp_path_factory.mktemp("data")
    write_cifar(folder / "cifar", {"data_batch_1.bin": 12, "test_batch.bin": 4})
    write_mnist(folder / "mnist", train=12, test=4)
    for name, raw in [("cifar10", "cifar"), ("mnist", "mnist")]:
        prepare(name, str(folder / raw), str(folder / "tfds"))
    return str(folder / "tfds")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cifar10_sngan", "mnist_sngan"])
def test_two_updates_at_32_pixels(name, data_dir, tmp_path, monkeypatch):
    for module in (train_gen, quality):  # the distance takes seconds
        monkeypatch.setattr(module, "MOST_DIMENSIONS", 64)
    config = load(name)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, directory=data_dir),
        generator=dataclasses.replace(config.generator, width=4),
        discriminator=dataclasses.replace(config.discriminator, width=4),
        num_updates=2,
        num_samples=4,
        batch=4,
    )
    folder, results = learn_here(config, pathlib.Path(tmp_path))
    assert results["frechet_pixels"] is None and results["num_samples"] == 4
    arrays, begun = saved_arrays(folder), saved_arrays(folder, 0)
    assert np.isfinite(arrays["history"]).all() and len(arrays["history"]) == 2
    for role in ("generator", "discriminator"):
        assert not np.array_equal(arrays[f"{role}/0"], begun[f"{role}/0"])
