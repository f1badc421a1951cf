"""Where chains of classes start."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.generation import (
    ClassGaussian,
    ClassPca,
    Mixture,
    NoisyData,
    UniformStart,
)
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.sampling.class_starts import (
    ClassImages,
    by_class,
    class_start,
    needs_images,
)

SEED, SHAPE = tf.constant([2, 3]), (2, 3, 1)
CLASSES = (4, 0, 7)
LEVELS = {4: -0.6, 0: 0.0, 7: 0.6}
RNG = np.random.default_rng(0)
LABELS = np.repeat(list(LEVELS), [20, 9, 3])
IMAGES = np.array([LEVELS[label] for label in LABELS])[:, None, None, None]
IMAGES = (IMAGES + RNG.normal(0, 0.01, [32, *SHAPE])).astype(np.float32)


def begun(settings, tmp_path, n=30, first=1, key=SEED):
    images = by_class(IMAGES, LABELS, CLASSES)
    data = ClassImages(SHAPE, images, CLASSES, str(tmp_path / "kept"), 5)
    chains = class_start(settings, data)(tf.constant(first))(n, key)
    assert chains.ages.numpy().tolist() == [0] * n
    return chains.images.numpy()


CLASSY = [
    ClassGaussian(),
    ClassPca(retained=1.0, temperature=1.0),
    ClassPca(temperature=0.0),
    NoisyData(stddev=0.01, num_per_class=8),
    Mixture(of=(ClassPca(), NoisyData(stddev=0.0))),
]


@pytest.mark.parametrize("settings", CLASSY, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("first", [0, 1, 5])
def test_chain_i_is_of_the_class_that_is_its_turn(settings, first, tmp_path):
    means = begun(settings, tmp_path, first=first).mean((1, 2, 3))
    expected = [LEVELS[CLASSES[(first + i) % 3]] for i in range(30)]
    np.testing.assert_allclose(means, expected, atol=0.05)


def test_without_noise_they_are_images_of_the_data_in_8_bits(tmp_path):
    found = begun(NoisyData(stddev=0.0, num_per_class=50), tmp_path)
    distances = np.abs(found[:, None] - IMAGES[None]).max((2, 3, 4)).min(1)
    assert distances.max() <= 1 / 255 + 1e-6
    assert len(np.unique(found[1::3], axis=0)) > 1  # of the class of three images


def test_noise_has_its_deviation(tmp_path):
    found = begun(NoisyData(stddev=0.1), tmp_path, n=3000)
    noise = (
        found
        - np.array([LEVELS[CLASSES[(1 + i) % 3]] for i in range(3000)])[
            :, None, None, None
        ]
    )
    assert noise.std() == pytest.approx(np.hypot(0.1, 0.01), rel=0.03)


def test_a_mixture_begins_from_each_of_its_starts_alike_often(tmp_path):
    mixed = Mixture(of=(UniformStart(), ClassPca(temperature=0.0)))
    found = begun(mixed, tmp_path, n=900)
    means = np.array([LEVELS[CLASSES[(1 + i) % 3]] for i in range(900)])
    from_mean = np.abs(found.mean((1, 2, 3)) - means) < 0.01
    assert from_mean.mean() == pytest.approx(0.5, abs=0.07)


def test_the_key_decides(tmp_path):
    for settings in (*CLASSY[:2], CLASSY[3]):
        first, again, other = (
            begun(settings, tmp_path, key=key) for key in (SEED, SEED, SEED + 1)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_who_needs_images():
    assert not needs_images(UniformStart())
    assert not needs_images(Mixture(of=(UniformStart(), UniformStart(scale=0.5))))
    assert needs_images(Mixture(of=(UniformStart(), ClassGaussian())))
    assert all(map(needs_images, CLASSY))


def test_bad_settings_and_missing_classes():
    with pytest.raises(DataError, match="two images of class 5"):
        by_class(IMAGES, LABELS, (4, 5))
    with pytest.raises(ConfigError, match="several starts"):
        Mixture(of=(UniformStart(),))
    with pytest.raises(ConfigError, match="retained=95.0"):
        ClassPca(retained=95.0)
