"""The dense classifier: its layers by hand, and statistics that are frozen."""

from typing import Literal

import keras
import numpy as np
import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import build
from tests.models.small_classifiers import LEAST_DEPTHS, normal, unsettled

POINTS = np.random.default_rng(0).normal(size=[9, 1, 1, 7]).astype(np.float32)


def network(norm: Literal["batch", "frozen"]) -> keras.Model:
    keras.utils.set_random_seed(2)
    settings = ClassifierNetwork(
        architecture="mlp", depth=2, width=5, num_classes=2, norm=norm
    )
    return build(settings, 1, 7, "float32")


def test_it_activates_before_it_normalises():
    model = network("frozen")
    weights = [weight.numpy() for weight in model.trainable_weights]
    assert [weight.shape for weight in weights[:4]] == [(7, 5), (5,), (5,), (5,)]
    features = POINTS[:, 0, 0]
    for kernel, bias in (weights[0:2], weights[4:6]):
        # Statistics of 0 and 1 leave the epsilon.
        features = np.maximum(features @ kernel + bias, 0.0) / np.sqrt(1 + 1e-5)
    expected = features @ weights[8] + weights[9]
    np.testing.assert_allclose(model(POINTS), expected, rtol=1e-4, atol=1e-6)


def test_frozen_statistics_stay_while_scales_learn():
    frozen, usual = network("frozen"), network("batch")
    for model in (frozen, usual):
        before = [v.numpy() for v in model.non_trainable_variables]
        in_training = model(POINTS, training=True).numpy()
        after = [v.numpy() for v in model.non_trainable_variables]
        same = all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
        assert same == (model is frozen)
        alike = np.allclose(in_training, model(POINTS, training=False), atol=1e-3)
        assert alike == (model is frozen)
    assert len(frozen.trainable_weights) == len(usual.trainable_weights) == 10


@pytest.mark.parametrize("architecture", ["resnet", "preact_resnet", "dm_wrn"])
def test_frozen_statistics_are_those_of_all_residual_networks(architecture):
    """By which each image is computed by itself, in training mode too."""
    settings = ClassifierNetwork(
        architecture=architecture,
        depth=LEAST_DEPTHS[architecture],
        width=2,
        norm="frozen",
    )
    model = unsettled(build(settings, 8, 1, "float32"))
    images = normal(3, 8, 8, 1)
    before = [v.numpy() for v in model.non_trainable_variables]
    found = model(images, training=True)
    np.testing.assert_allclose(found, model(images, training=False), rtol=1e-5)
    for now, then in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_it_has_no_dropout_and_no_stem():
    with pytest.raises(ConfigError, match="dropout=0.5 to be 0.0 where arch"):
        ClassifierNetwork(architecture="mlp", dropout=0.5)
    with pytest.raises(ConfigError, match="stem='imagenet' to be 'cifar' where"):
        ClassifierNetwork(architecture="mlp", stem="imagenet")
