"""Configs of estimated directions against the published values."""

from typing import Any

import pytest

from ebm_tf.config import core
from ebm_tf.config.generator import GeneratorTraining, MultiHinge
from ebm_tf.config.mapper import MapperTraining
from ebm_tf.models.catalogue import build
from tests.runs import ROOT, without_values


def load(name: str) -> Any:
    return core.load(str(ROOT / "configs" / f"{name}.py"))


@pytest.mark.parametrize(
    ("name", "epochs", "updates", "batch", "depth"),
    [
        ("sphere_vrgan", 80, 10_000, 50, None),
        ("squares_vrgan", 30, 200, 12, None),
        ("mnist35_vrgan", 30, 200, 12, 2),
    ],
)
def test_mappers_learn_as_published(name, epochs, updates, batch, depth):
    config = load(name)
    assert isinstance(config, MapperTraining)
    assert config.num_updates == epochs * updates and config.batch == batch
    weights = config.mapped_weight, config.flip_weight, config.norm_weight
    assert weights == (0.01, 0.3, 0.5)
    assert (config.mapper.width, config.mapper.depth) == (None, depth)
    for optimizer in (config.mapper_optimizer, config.classifier_optimizer):
        assert optimizer.name == "adam" and optimizer.learning_rate == 1e-4
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.9)


@pytest.mark.parametrize(
    ("name", "updates", "classes", "size", "channels"),
    [
        ("squares32_cgan", 25_000, 2, 32, 1),
        ("mnist_cgan", 125_000, 10, 28, 1),
        ("cifar10_cgan", 125_000, 10, 32, 3),
    ],
)
def test_generators_of_classes_learn_as_published(
    name, updates, classes, size, channels
):
    config = load(name)
    assert isinstance(config, GeneratorTraining)
    assert config.num_updates == updates and config.batch == 50
    assert config.discriminator_updates == 4
    assert config.objective == MultiHinge(class_weight=0.05, feature_weight=1.0)
    for optimizer in (config.generator_optimizer, config.discriminator_optimizer):
        assert optimizer.learning_rate == 2e-4
        assert (optimizer.beta_1, optimizer.beta_2) == (0.0, 0.999)
    assert config.generator_optimizer.average_decay == 0.9999
    shape = config.data.image_size, config.data.channels
    assert shape == (size, channels)
    with without_values():
        generator = build(config.generator, *shape, "float32")
        discriminator = build(
            config.discriminator, *shape, "float32", num_outputs=classes + 1
        )
    assert generator.input_shape == (None, 128 + 1)
    assert discriminator.output_shape == [(None, classes + 1), (None, 256)]
    scales = generator.get_layer("block2_bn_1_classes")
    assert [tuple(v.shape) for v in scales.variables] == [(classes, 256)] * 2


@pytest.mark.parametrize("name", ["mnist_cgan", "cifar10_cgan"])
def test_generators_do_not_learn_from_images_that_classifiers_are_selected_by(name):
    classifier = load(name.replace("cgan", "baseline"))
    assert load(name).data.split == classifier.data.split


@pytest.mark.parametrize(
    ("name", "rate", "penalty"),
    [
        ("squares32_align_cgan", 0.2, 0.03),
        ("mnist_align", 0.2, 1.5),
        ("cifar10_align", 0.1, 0.03),
    ],
)
def test_searches_are_as_published(name, rate, penalty):
    config = load(name)
    search = config.estimated or config.directions
    assert (search.near_steps, search.likely_steps) == (600, 150)
    assert (search.near_rate, search.likely_rate) == (rate, rate)
    assert search.penalty == penalty and search.num_starts == 1
