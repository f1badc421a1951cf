"""Points of two spheres: their lengths, classes, epochs and true directions."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import batches, load_images
from ebm_tf.errors import ConfigError, DataError


def data(split: str = "train", dimensions: int = 500, size: int = 1) -> Data:
    return Data(name="spheres", image_size=size, channels=dimensions, split=split)


def test_points_lie_on_the_sphere_of_their_class():
    points, labels = load_images(open_source(data("test")), data("test"), limit=2000)
    assert points.shape == (2000, 1, 1, 500)
    lengths = np.linalg.norm(points[:, 0, 0], axis=1)
    np.testing.assert_allclose(lengths, np.where(labels == 1, 1.3, 1.0), rtol=1e-6)
    assert abs(labels.mean() - 0.5) < 0.04
    # Uniform on the sphere: no coordinate is preferred, and no two points are near.
    units = points[:, 0, 0] / lengths[:, None]
    assert np.abs(units.mean(0)).max() < 5 / np.sqrt(2000 * 500)
    np.testing.assert_allclose((units**2).mean(0), 1 / 500, rtol=0.25)
    assert np.abs(np.triu(units[:300] @ units[:300].T, 1)).max() < 0.3


def test_a_slice_of_a_split_has_its_points():
    whole, labels = load_images(open_source(data("test")), data("test"), limit=30)
    part, of_part = load_images(open_source(data("test[10:30]")), data("test"))
    np.testing.assert_array_equal(part, whole[10:])
    np.testing.assert_array_equal(of_part, labels[10:])
    other, _ = load_images(open_source(data("validation[:30]")), data("test"))
    assert not np.isclose(other, whole).all(-1).any()


def taken(num: int, seed: int, start: int = 0) -> np.ndarray:
    few = data("train[:8]", 5)
    stream = batches(open_source(few), few, batch=4, seed=seed, start=start)
    return np.concatenate([next(stream)["image"].numpy() for _ in range(num)])


def test_every_epoch_of_every_seed_has_new_points_that_any_step_finds_again():
    points, others = taken(6, seed=1), taken(6, seed=2)
    rows = np.round(np.concatenate([points, others])[:, 0, 0], 6)
    assert len(np.unique(rows, axis=0)) == 48
    np.testing.assert_array_equal(taken(2, seed=1, start=3), points[12:20])


def test_directions_lead_to_the_nearest_point_of_the_other_sphere():
    source = open_source(data("test[:50]", 20))
    points, labels = load_images(source, data("test", 20))
    moved = points + np.random.default_rng(0).normal(0, 0.05, points.shape)
    moved, wrong = tf.constant(moved, tf.float32), tf.constant(1 - labels)
    assert source.directions is not None
    ways = source.directions(moved, tf.constant(labels), wrong, tf.constant([0, 0]))
    reached = np.linalg.norm((moved + ways)[:, 0, 0], axis=1)
    np.testing.assert_allclose(reached, np.where(labels == 1, 1.0, 1.3), rtol=1e-5)
    # The way is along the radius, which no shorter one can be.
    radial = np.abs(reached - np.linalg.norm(moved[:, 0, 0], axis=1))
    np.testing.assert_allclose(np.linalg.norm(ways[:, 0, 0], axis=1), radial, rtol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (data("half"), "Dataset spheres has no split 'half': it has train, val"),
        (data("test[:10%]"), "Dataset spheres has no split 'test.:10%.': expected"),
        (data("test", 3, size=8), "Expected data.image_size=8 to be 1 for spheres"),
    ],
)
def test_what_cannot_be_is_told(wrong, message):
    with pytest.raises(DataError, match=message):
        open_source(wrong)


def test_images_have_one_or_three_channels():
    with pytest.raises(ConfigError, match="Expected channels=500 to be 1 or 3."):
        data(size=2)
