"""Long chains from noise by steps that shrink."""

import numpy as np
import tensorflow as tf

from ebm_tf.sampling.annealing import (
    FRAME_EVERY,
    NUM_STEPS,
    annealed_frames,
    from_noise,
    levels,
)

SEED = tf.constant([1, 2])


def test_the_published_levels():
    """Of the unofficial program: 10 levels, step 0.01 (s / 0.1)^2, s from 1 to 0.1."""
    drifts = [level.drift for level in levels()]
    published = [
        1,
        0.5995,
        0.3594,
        0.2154,
        0.1292,
        0.0774,
        0.0464,
        0.0278,
        0.0167,
        0.01,
    ]
    np.testing.assert_allclose(drifts, published, atol=6e-5)
    np.testing.assert_allclose([n for _, n in levels()], 0.01 * np.array(drifts))


def test_frames_go_down_a_bowl_and_stay_in_range():
    """Steps without noise contract by 1 - drift k; the noise is a hundredth of them."""
    curvature, images = 0.02, tf.fill([2, 1, 2, 1], 1.0)
    frames = annealed_frames(
        lambda x: curvature / 2 * tf.reduce_sum((x - 5.0) ** 2, [1, 2, 3]), images, SEED
    )
    assert frames.shape == (1 + 10 * NUM_STEPS // FRAME_EVERY, 2, 1, 2, 1)
    assert np.abs(frames).max() <= 1.0  # the minimum lies outside
    frames = annealed_frames(
        lambda x: curvature / 2 * tf.reduce_sum(x**2, [1, 2, 3]), images, SEED
    )
    expected = np.prod([(1 - d * curvature) ** NUM_STEPS for d, _ in levels()])
    np.testing.assert_allclose(frames[0], images)
    np.testing.assert_allclose(frames[-1], np.full([2, 1, 2, 1], expected), atol=0.1)


def test_chains_from_noise_are_a_function_of_the_seed():
    frames = from_noise(lambda x: tf.reduce_sum(x**2, [1, 2, 3]), (1, 2, 1), 3)
    first, again, other = frames(SEED), frames(SEED), frames(SEED + 1)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - other[0]).max() > 0.1
