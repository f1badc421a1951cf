"""The discretised Langevin chain of a normal density, whose law is known exactly.

x' = (1 - a) x + eps z with a = eps^2 / (2 sigma^2) has the stationary variance
sigma^2 / (1 - eps^2 / (4 sigma^2)). Every pixel is a chain of its own.
"""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.energies import gaussian, tempered, total
from ebm_tf.protocols import SamplingState
from ebm_tf.sampling.initialization import started
from ebm_tf.sampling.langevin import langevin, sampler

SEED = tf.constant([8, 9])
NUM_CHAINS = 200_000
SHAPE = [50, NUM_CHAINS // 50, 1, 1]


def run(energy, noise, num_steps, *, start=0.0):
    kernel = langevin(energy, drift=noise**2 / 2, noise=noise)
    sample = sampler(lambda _: kernel, jit=False)
    chains, _ = sample(started(tf.fill(SHAPE, start)), num_steps, SEED)
    return np.array(chains.images, np.float64)


def assert_moments(samples, mean, variance):
    """Five standard errors of the sample mean and variance of normals."""
    mean_error = 5 * np.sqrt(variance / NUM_CHAINS)
    assert samples.mean() == pytest.approx(mean, abs=mean_error)
    assert samples.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / NUM_CHAINS))


@pytest.mark.parametrize(
    ("stddev", "noise", "num_steps", "variance"),
    [
        (1.0, 0.5, 80, 1.0666667),
        (1.0, 1.0, 20, 1.3333333),
        (0.05, 0.0125, 300, 0.0025396825),
    ],
)
def test_stationary_variance(stddev, noise, num_steps, variance):
    assert_moments(run(gaussian(stddev), noise, num_steps), 0.0, variance)


@pytest.mark.parametrize(
    ("num_steps", "mean", "variance"),
    [(50, 0.894729, 0.0044928551), (100, 0.800539, 0.0080895627)],
)
def test_mean_and_variance_on_the_way(num_steps, mean, variance):
    samples = run(gaussian(0.15), 0.01, num_steps, start=1.0)
    assert_moments(samples, mean, variance)


@pytest.mark.parametrize(
    ("noise", "num_steps", "stddev"), [(5e-3, 350, 0.0935414), (2e-2, 200, 0.2828427)]
)
def test_free_diffusion(noise, num_steps, stddev):
    def flat(images):
        return 0.0 * tf.reduce_sum(images, [1, 2, 3])

    assert_moments(run(flat, noise, num_steps), 0.0, stddev**2)


def test_a_step_beyond_the_stable_one_runs_away():
    assert run(gaussian(1.0), 2.1, 40).var() > 100.0 > run(gaussian(1.0), 1.9, 40).var()


@pytest.mark.parametrize(
    ("energy", "noise", "variance"),
    [
        (gaussian(1.0), 0.01, 1.000025),
        (gaussian(0.15), 0.01, 0.0225250278),
        (total(tempered(gaussian(0.2), 1.0), gaussian(0.15)), 0.01, 0.0144250),
        (total(tempered(gaussian(0.2), 1.005), gaussian(0.15)), 0.01, 0.0144509),
        (total(tempered(gaussian(0.2), 1.01), gaussian(0.15)), 0.01, 0.0144766),
    ],
)
def test_stationary_variance_from_the_contraction_of_a_step(energy, noise, variance):
    kernel = langevin(energy, drift=noise**2 / 2, noise=0.0)
    _, info = kernel.step(SamplingState(tf.ones([1, 1, 1, 1])), SEED)
    contraction = 1.0 - float(info.drift_norm[0])
    assert noise**2 / (1.0 - contraction**2) == pytest.approx(variance, rel=4e-6)
