"""The energy that an experiment samples."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.parts import Data, Langevin, Network
from ebm_tf.protocols import SamplingState
from ebm_tf.sampling.potentials import langevin_kernel, potential

SEED = tf.constant([3, 4])
IMAGES = tf.constant([1.0, -2.0], shape=[1, 1, 2, 1])
BEGUN = SamplingState(IMAGES)
# The golden case of one step: U = |x|^2 / 2, T = tau = 0.5, epsilon = 0.1.
GOLDEN = LongRunTraining(
    name="golden",
    data=Data(name="digits", image_size=8, channels=1),
    langevin=Langevin(noise=0.1),
    chains=BurnIn(start="noise"),
    temperature=0.5,
    prior=Network(),
    prior_temperature=2.0,
    gaussian_stddev=0.5,
    data_epsilon=0.0,
)


def bowl(factor):
    """The network factor * |x|^2."""

    def network(images, training=False):
        assert training is False
        return factor * tf.reduce_sum(tf.square(images), [1, 2])

    return network


@pytest.mark.parametrize(
    ("prior", "joint_temperature", "expected"),
    [
        (None, 1.0, (0.97, -1.94)),
        (bowl(1.5), 1.0, (0.9625, -1.925)),
        (bowl(1.5), 1.25, (0.966, -1.932)),
    ],
)
def test_golden_steps(prior, joint_temperature, expected):
    energy = potential(GOLDEN, bowl(0.5), prior, joint_temperature=joint_temperature)
    kernel = langevin_kernel(GOLDEN, energy, denoising=True)
    moved = kernel.step(BEGUN, SEED)[0].images
    np.testing.assert_allclose(np.ravel(moved), expected, rtol=1e-6)
    noisy = langevin_kernel(GOLDEN, energy).step(BEGUN, SEED)[0].images
    noise = 0.1 * tf.random.stateless_normal(IMAGES.shape, SEED)
    np.testing.assert_allclose(noisy, moved + noise, rtol=1e-6)


def test_golden_drift_norm_and_its_bound():
    _, info = langevin_kernel(GOLDEN, potential(GOLDEN, bowl(0.5), None)).step(
        BEGUN, SEED
    )
    assert info.drift_norm.numpy() == pytest.approx([0.0670820], rel=1e-5)
    bounded = dataclasses.replace(GOLDEN, langevin=Langevin(noise=0.1, max_drift=0.01))
    kernel = langevin_kernel(
        bounded, potential(bounded, bowl(0.5), None), denoising=True
    )
    state, info = kernel.step(BEGUN, SEED)
    np.testing.assert_allclose(
        np.ravel(state.images), (0.99552786, -1.99105573), rtol=1e-6
    )
    assert info.drift_norm.numpy() == pytest.approx([0.01], rel=1e-5)


def test_the_priors_temperature_is_the_temperature_where_none_is_given():
    given, default = (
        dataclasses.replace(GOLDEN, prior_temperature=value) for value in (0.5, None)
    )
    energies = [
        potential(settings, bowl(0.5), bowl(1.5))(IMAGES)
        for settings in (given, default)
    ]
    np.testing.assert_array_equal(*energies)


def test_without_a_gaussian_there_is_none():
    plain = dataclasses.replace(GOLDEN, gaussian_stddev=None)
    energy = potential(plain, bowl(0.5), None)(IMAGES)
    assert energy.numpy() == pytest.approx([5.0])
