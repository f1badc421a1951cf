"""What a config is made into: networks, kernels, starts and data."""

import dataclasses
import itertools

import numpy as np
import pytest

from ebm_tf import train
from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.ebm import EbmTraining, LongRunTraining
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, GeneratorNetwork, Langevin, Network
from ebm_tf.data.arrays import array_source
from ebm_tf.runtime.distribution import local, make_replicas

PLAIN = EbmTraining(
    name="small",
    data=Data(name="digits", image_size=8, channels=1),
    langevin=Langevin(noise=0.1, max_drift=50.0),
    chains=Persistent(start="noise", bank_size=8, noise_scale=0.25),
    temperature=0.5,
    data_epsilon=0.0,
    num_updates=1,
    batch=4,
    energy=Network(width=4),
)
GENERATED = dataclasses.replace(
    PLAIN,
    chains=Transient(start="generator"),
    generator=GeneratorNetwork(width=4, latent_size=5),
)
LONG_RUN = LongRunTraining(
    name="small",
    data=PLAIN.data,
    langevin=PLAIN.langevin,
    chains=BurnIn(start="noise", bank_size=8, burn_in_size=4),
    temperature=0.5,
    data_epsilon=0.0,
    batch=4,
    energy=Network(width=4),
    prior=Network(width=6),
)
COOPERATIVE = dataclasses.replace(
    GENERATED, generator_optimizer=Optimizer(learning_rate=1e-3)
)


@pytest.mark.parametrize(
    ("config", "models", "learned"),
    [
        (PLAIN, ["energy"], ["energy"]),
        (GENERATED, ["energy", "generator"], ["energy"]),
        (COOPERATIVE, ["energy", "generator"], ["energy", "generator"]),
        (LONG_RUN, ["energy", "prior"], ["energy"]),
    ],
    ids=["plain", "generated", "cooperative", "long_run"],
)
def test_networks(config, models, learned):
    built = train.build(config)
    assert list(built.networks) == models
    assert list(built.frozen) == [role for role in models if role not in learned]
    assert sorted(built.weights) == sorted(
        f"{role}{kind}" for role in learned for kind in ("", "_average")
    )
    optimizers = [f"{role}_optimizer" for role in learned]
    assert list(built.task.modules) == models + optimizers
    for role in learned:
        assert built.weights[role]() is built.networks[role]
        assert built.weights[f"{role}_average"]() is not built.networks[role]
        assert built.task.modules[f"{role}_optimizer"].built


def test_a_classifier_is_learned_as_its_marginal_energy():
    network = ClassifierNetwork(architecture="small_cnn", width=2)
    built = train.build(dataclasses.replace(PLAIN, energy=network))
    assert built.networks["energy"].output_shape == (None, 1)


def num_images(batch) -> int:
    """Images on both replicas; where there is no data a batch is flat and empty."""
    parts = local(make_replicas("cpu"), batch)
    return sum(len(part) for part in parts if part.shape.rank > 1)


def test_batches_join_two_streams_where_there_are_such():
    sizes = {}
    for start, data in itertools.product(("noise", "data"), ("digits", "generator")):
        if (start, data) == ("data", "generator"):
            continue
        config = dataclasses.replace(
            GENERATED if data == "generator" else PLAIN,
            data=dataclasses.replace(PLAIN.data, name=data),
        )
        chains = dataclasses.replace(config.chains, start=start)
        batch = next(
            train.build(dataclasses.replace(config, chains=chains)).task.batches(0)
        )
        parts = [local(make_replicas("cpu"), part) for part in batch]
        sizes[start, data] = [
            sum(len(p) for p in part if p.shape.rank > 1) for part in parts
        ]
    assert sizes == {
        ("noise", "digits"): [4, 0],
        ("noise", "generator"): [0, 0],
        ("data", "digits"): [4, 4],
    }


@pytest.mark.parametrize("training", [True, False])
def test_statistics_are_recomputed_where_batches_normalise(training):
    """Elsewhere the generator learns with the ones that it has, and keeps them."""
    generator = GeneratorNetwork(width=4, latent_size=5, batch_norm_training=training)
    built = train.build(dataclasses.replace(COOPERATIVE, generator=generator))
    models = (built.weights["generator_average"](), built.networks["generator"])
    first, second = (model.get_layer("block2_bn_1") for model in models)
    recomputed = not np.allclose(first.moving_variance, second.moving_variance)
    assert recomputed == training


def test_a_source_in_hand_takes_the_place_of_the_data_named():
    images = np.full([8, 8, 8, 1], 255, np.uint8)
    source = array_source(images, np.zeros(8, int), name="a", split="b", origin="c")
    batch = next(train.build(PLAIN, source).task.batches(0))
    for part in local(make_replicas("cpu"), batch.images):
        np.testing.assert_array_equal(part, np.ones_like(part))
