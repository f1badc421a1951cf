"""Values that cannot be, each told in a line that names it."""

import pytest

from ebm_tf.config.chains import Hygiene, Persistent, Transient
from ebm_tf.config.optimizers import Cosine, OneCycle, Optimizer, Sgd, Warmup
from ebm_tf.config.parts import (
    ClippedLangevin,
    Data,
    GeneratorNetwork,
    Guard,
    Langevin,
    MomentumLangevin,
    Network,
    Samples,
)
from ebm_tf.errors import ConfigError
from tests.config.test_settings import experiment

GENERATED = {"chains": Persistent(start="generator"), "generator": GeneratorNetwork()}
FROM_GENERATOR = {"data": Data(name="generator", image_size=8)}


def cycle(**settings) -> OneCycle:
    given = {"peak": 0.8, "first": 0.9, "last": 0.9, "num_steps": 9, "rise": 0.5}
    return OneCycle(**(given | settings))


TWO_STARTS = ((0.1, 0), (0.2, 0))
MISTAKES = [
    (Data, {"name": "digits", "image_size": 0}, "image_size=0 > 0."),
    (Data, {"name": "digits", "image_size": 8, "channels": 2}, "channels=2 to be 1"),
    (Network, {"width": 0}, "width=0 > 0."),
    (GeneratorNetwork, {"width": -1}, "width=-1 > 0."),
    (GeneratorNetwork, {"latent_size": 0}, "latent_size=0 > 0."),
    (GeneratorNetwork, {"batch_norm_epsilon": 0}, "batch_norm_epsilon=0.0 > 0."),
    (Langevin, {"noise": -0.5}, "noise=-0.5 >= 0."),
    (Langevin, {"noise": float("nan")}, "noise=nan to be of type float."),
    (Langevin, {"noise": 0.0}, "a drift where noise=0.0."),
    (Langevin, {"noise": 0.1, "drift": -1}, "drift=-1.0 > 0."),
    (Langevin, {"noise": 0.1, "drift": 0.0}, "drift=0.0 > 0."),
    (Langevin, {"noise": 0.1, "max_drift": 0.0}, "max_drift=0.0 > 0."),
    (MomentumLangevin, {"noise": 0.1, "momentum": 1}, "momentum=1.0 in [0, 1)."),
    (MomentumLangevin, {"noise": 0.1, "momentum": -0.1}, "momentum=-0.1 in [0, 1)."),
    (ClippedLangevin, {"noise": 0.0}, "a drift where noise=0.0."),
    (ClippedLangevin, {"noise": 0.1, "max_gradient": 0}, "max_gradient=0.0 > 0."),
    (ClippedLangevin, {"noise": 0.1, "image_bound": -1}, "image_bound=-1.0 > 0."),
    (Persistent, {"start": "noise", "bank_size": 0}, "bank_size=0 > 0."),
    (Persistent, {"start": "noise", "num_steps": 0}, "num_steps=0 to be at least 1."),
    (Persistent, {"start": "noise", "burn_in": -1}, "burn_in=-1 to be at least 0."),
    (Persistent, {"start": "noise", "rejuvenation": 1.5}, "rejuvenation=1.5 in [0, 1]"),
    (
        Persistent,
        {"start": "noise", "rejuvenation": -0.1},
        "rejuvenation=-0.1 in [0, 1].",
    ),
    (
        Persistent,
        {"start": "noise", "rejuvenation": ((0.5, 0), (2.0, 9))},
        "rejuvenation=((0.5, 0), (2.0, 9)) in [0, 1].",
    ),
    (Persistent, {"start": "noise", "max_updates": -1}, "max_updates=-1 >= 0."),
    (Persistent, {"start": "noise", "noise_scale": 0}, "noise_scale=0.0 > 0."),
    (Persistent, {"start": "nowhere"}, "start='nowhere' to be of type Literal"),
    (Hygiene, {"max_energy_deviation": 0}, "max_energy_deviation=0.0 > 0."),
    (Hygiene, {"max_pixel": -1.0}, "max_pixel=-1.0 > 0."),
    (Transient, {"start": "noise", "num_steps": 0}, "num_steps=0 to be at least 1."),
    (Transient, {"start": "noise", "noise_scale": -1}, "noise_scale=-1.0 > 0."),
    (Optimizer, {"name": "lion"}, "name='lion' to be of type Literal"),
    (Optimizer, {"learning_rate": -1}, "learning_rate=-1.0 to be at least 0."),
    (Optimizer, {"learning_rate": ()}, "learning_rate=() to rise from 0."),
    (Optimizer, {"learning_rate": ((0.1, 5),)}, "((0.1, 5),) to rise from 0."),
    (Optimizer, {"learning_rate": TWO_STARTS}, f"{TWO_STARTS} to rise from 0."),
    (Optimizer, {"learning_rate": ((0.1, 0), (0.2, 9), (0.3, 5))}, "to rise from 0."),
    (Optimizer, {"max_grad_norm": 0}, "max_grad_norm=0.0 > 0."),
    (Optimizer, {"max_global_norm": 0}, "max_global_norm=0.0 > 0."),
    (Optimizer, {"name": "rmsprop", "beta_1": 0.0}, "only 'adam' uses them."),
    (Optimizer, {"name": "sgd", "beta_1": 0.0}, "only 'adam' uses them."),
    (Optimizer, {"name": "sgd", "beta_2": 0.9}, "only 'adam' uses them."),
    (cycle, {"peak": -1.0}, "peak=-1.0 >= 0."),
    (cycle, {"first": -3.0}, "first=-3.0 >= 0."),
    (cycle, {"last": -0.1}, "last=-0.1 >= 0."),
    (Cosine, {"first": 1.0, "num_steps": 0}, "num_steps=0 > 0."),
    (Cosine, {"first": -1.0, "num_steps": 9}, "first=-1.0 >= 0."),
    (Cosine, {"first": 1.0, "last": -0.1, "num_steps": 9}, "last=-0.1 >= 0."),
    (Warmup, {"num_steps": 0, "then": 0.1}, "num_steps=0 > 0."),
    (Warmup, {"num_steps": 9, "then": -0.1}, "then=-0.1 to be at least 0."),
    (Warmup, {"num_steps": 9, "then": ((0.1, 5),)}, "then=((0.1, 5),) to rise from 0."),
    (Sgd, {"momentum": 1.0}, "momentum=1.0 in [0, 1)."),
    (Sgd, {"momentum": cycle(peak=5.0)}, "num_steps=9, rise=0.5) in"),
    (Sgd, {"momentum": cycle(last=1.0)}, "num_steps=9, rise=0.5) in"),
    (Sgd, {"momentum": 0.0, "nesterov": True}, "momentum=0.0 > 0 where nesterov=True."),
    (Sgd, {"max_global_norm": -1}, "max_global_norm=-1.0 > 0."),
    (Optimizer, {"average_decay": 1}, "average_decay=1.0 in [0, 1)."),
    (Guard, {"max_energy_difference": 0}, "max_energy_difference=0.0 > 0."),
    (Guard, {"max_rollbacks": -1}, "max_rollbacks=-1 >= 0."),
    (Guard, {"rate_factor": 0}, "rate_factor=0.0 in (0, 1]."),
    (Samples, {"num_samples": 1}, "num_samples=1 >= 2."),
    (Samples, {"num_steps": 0}, "num_steps=0 >= 1."),
    (experiment, {"name": "a/b"}, "name='a/b' to be a word"),
    (experiment, {"name": ""}, "name='' to be a word"),
    (experiment, {"seed": -1}, "seed=-1 in [0, 2^31)."),
    (experiment, {"seed": 2**31}, "seed=2147483648 in [0, 2^31)."),
    (experiment, {"batch": 0}, "batch=0 > 0."),
    (experiment, {"batch": 65}, "batch=65 to be at most bank_size=64."),
    (experiment, {"num_updates": 0}, "num_updates=0 > 0."),
    (experiment, {"log_every": 0}, "log_every=0 > 0."),
    (experiment, {"picture_every": 0}, "picture_every=0 > 0."),
    (experiment, {"save_every": -5}, "save_every=-5 > 0."),
    (experiment, {"temperature": 0}, "temperature=0.0 > 0."),
    (experiment, {"data_epsilon": -1}, "data_epsilon=-1.0 >= 0."),
    (experiment, {"gaussian_stddev": 0}, "gaussian_stddev=0.0 > 0."),
    (experiment, {"chains": Persistent(start="generator")}, "a generator where chains"),
    (experiment, {"generator_optimizer": Optimizer()}, "chains.start='generator'"),
    (experiment, FROM_GENERATOR, "a generator that is not learned"),
    (
        experiment,
        GENERATED | FROM_GENERATOR | {"generator_optimizer": Optimizer()},
        "a generator that is not learned",
    ),
    (
        experiment,
        GENERATED | FROM_GENERATOR | {"chains": Transient(start="data")},
        "chains.start other than 'data'",
    ),
]


@pytest.mark.parametrize(("build", "settings", "message"), MISTAKES)
def test_impossible_values(build, settings, message):
    with pytest.raises(ConfigError) as error:
        build(**settings)
    told = str(error.value)
    assert told.startswith("Expected ") and message in told and "\n" not in told


@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (Langevin, {"noise": 0.0, "drift": 1.0}),
        (ClippedLangevin, {"noise": 0.0, "drift": 1.0, "max_gradient": 1.0}),
        (Persistent, {"start": "noise", "rejuvenation": 1, "max_updates": 0}),
        (Persistent, {"start": "noise", "burn_in": ((0, 0), (3, 2))}),
        (Hygiene, {"max_energy_deviation": None, "max_pixel": None}),
        (Optimizer, {"learning_rate": 0, "average_decay": 0}),
        (Sgd, {"momentum": cycle(), "learning_rate": cycle()}),
        (Sgd, {"learning_rate": Cosine(first=0.1, num_steps=1)}),
        (Sgd, {"learning_rate": Warmup(num_steps=1, then=0)}),
        (Optimizer, {"learning_rate": Warmup(num_steps=1, then=((0.1, 0), (0, 1)))}),
        (experiment, {"batch": 64}),
        (experiment, {"batch": 10**6, "chains": Transient(start="noise")}),
        (experiment, GENERATED | FROM_GENERATOR),
        (experiment, GENERATED | {"generator_optimizer": Optimizer()}),
    ],
)
def test_extreme_values_that_are_possible(build, settings):
    for name, value in settings.items():
        assert getattr(build(**settings), name) == value


@pytest.mark.parametrize(
    ("noise", "temperature", "multiplier"),
    [
        (5e-3, 1e-4, 0.125),
        (3e-3, 1e-6, 4.5),
        (3e-3, 1e-7, 45.0),
        (1.25e-2, 1e-4, 0.78125),
        (1e-2, 1e-4, 0.5),
        (2e-2, 1e-5, 20.0),
        (1e-2, 1e-5, 5.0),
    ],
)
def test_the_drift_of_the_langevin_equation(noise, temperature, multiplier):
    factor = Langevin(noise=noise).drift_factor
    assert factor / temperature == pytest.approx(multiplier)
    assert Langevin(noise=noise, drift=1.0).drift_factor == 1.0
    for momentum in (0.0, 0.75):  # its steady gain is 1 / (1 - momentum)
        step = MomentumLangevin(noise=noise, momentum=momentum)
        assert step.drift_factor / (1 - momentum) == factor
        fast = MomentumLangevin(noise=noise, momentum=momentum, drift=1.0)
        assert fast.drift_factor == 1.0
