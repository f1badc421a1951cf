"""Sets of other images, and what they do not depend on."""

import dataclasses

import numpy as np
import pytest

from ebm_tf.config import analysis, core
from ebm_tf.config.analysis import Analysis, NamedData
from ebm_tf.config.parts import Data
from ebm_tf.evaluation.other_images import (
    description,
    interpolated,
    other_images,
    resized,
)
from tests.runs import ROOT

LOADED = core.load(str(ROOT / "configs" / "digits_analysis.py"))
assert isinstance(LOADED, Analysis)
CONFIG = LOADED
TEST = np.random.default_rng(0).uniform(-1, 1, [50, 8, 8, 1]).astype(np.float32)


def made(settings, seed: int = 0) -> np.ndarray:
    config = dataclasses.replace(CONFIG, seed=seed)
    return other_images(config, settings, TEST).images


def test_images_from_test_images():
    np.testing.assert_array_equal(made(analysis.Inverted()), -TEST)
    turned = made(analysis.Rotated(num=20))
    assert turned.shape == (20, 8, 8, 1)
    np.testing.assert_array_equal(turned[:, 7, 0], TEST[:20, 0, 0])  # to the left
    four = made(analysis.Rotated())
    for _ in range(3):
        four = np.rot90(four, axes=(1, 2))
    np.testing.assert_array_equal(four, TEST)


@pytest.mark.parametrize("num", [2, 3, 50])
def test_interpolations_never_are_of_an_image_and_itself(num):
    marks = np.eye(num).reshape(num, num, 1, 1)
    means = interpolated(marks, np.random.default_rng(1))[:, :, 0, 0]
    np.testing.assert_array_equal(np.diag(means), 0.5)
    assert (np.sort(means)[:, -2:] == 0.5).all()
    np.testing.assert_array_equal(means.sum(0), 1.0)  # each is a partner once


def test_noise_has_its_distribution_and_seed():
    test = np.zeros([2000, 8, 8, 1], np.float32)
    uniform = other_images(CONFIG, analysis.UniformNoise(), test).images
    assert uniform.dtype == np.float32 and np.abs(uniform).max() <= 1
    assert uniform.std() == pytest.approx(3**-0.5, rel=0.01)
    normal = other_images(CONFIG, analysis.GaussianNoise(stddev=0.2), test).images
    assert normal.std() == pytest.approx(0.2, rel=0.01)
    wide = other_images(CONFIG, analysis.GaussianNoise(stddev=2.0), test).images
    assert np.abs(wide).max() == 1
    noise = analysis.UniformNoise()
    np.testing.assert_array_equal(made(noise), made(noise))
    assert not np.array_equal(made(noise), made(noise, seed=1))
    other = dataclasses.replace(noise, label="second")
    assert not np.array_equal(made(noise), made(other))


OWN = """
import numpy as np

def images(split, directory):
    return np.full([9, 16, 12, 1], 200, np.uint8)

def floats(split, directory):
    return np.full([6, 4, 4, 1], 0.25, np.float32)
"""


def test_a_dataset_is_brought_to_the_size_of_the_classifier(tmp_path):
    (tmp_path / "own.py").write_text(OWN)

    def named(function: str, size: int, num: int | None = None) -> NamedData:
        name = f"{tmp_path / 'own.py'}:{function}"
        data = Data(name=name, image_size=size, channels=1)
        return NamedData(data=data, num=num)

    other = other_images(CONFIG, named("images", 16), TEST)
    assert other.images.shape == (9, 8, 8, 1)
    np.testing.assert_allclose(other.images, 200 / 127.5 - 1, atol=1e-5)
    assert other.note == "images: resized from 16 to 8 pixels"
    assert other.facts["resize"] == "resized from 16 to 8 pixels"
    assert other.note.partition(": ")[2] in description(CONFIG, named("images", 16))
    other = other_images(CONFIG, named("floats", 4, num=5), TEST)
    assert other.images.shape == (5, 8, 8, 1) and other.facts["num_images"] == 5
    np.testing.assert_allclose(other.images, 0.25)
    other = other_images(CONFIG, named("images", 8), TEST)
    assert other.note is None and other.facts["resize"] is None


def test_a_resize_keeps_means_and_the_range():
    images = np.random.default_rng(0).uniform(-1, 1, [3, 28, 28, 1])
    small = resized(images.astype(np.float32), 7)
    assert small.shape == (3, 7, 7, 1) and np.abs(small).max() <= 1
    assert small.std() < 0.5 * images.std()  # neighbours are averaged
    np.testing.assert_allclose(small.mean((1, 2)), images.mean((1, 2)), atol=0.03)
    assert resized(images, 28) is images
