"""Some examples of a split: which ones, and in which order they are read."""

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import Source, first_positions, positions_at_random, subset

DATA = Data(name="digits", image_size=8, channels=1, split="train[:50]")


def test_positions_are_different_and_drawn_evenly():
    counts = np.zeros(20)
    for seed in range(400):
        positions = positions_at_random(20, 5, seed)
        assert np.all(np.diff(positions) > 0)
        counts[positions] += 1
    # Binomial with mean 100 and standard deviation 8.7.
    assert counts.sum() == 2000 and np.all(np.abs(counts - 100) < 40)


def test_positions_follow_from_the_seed():
    first, again, other = (positions_at_random(1000, 30, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("num", [7, 8, 100])
def test_no_more_than_there_are(num):
    positions = positions_at_random(7, num, 0)
    np.testing.assert_array_equal(positions, np.arange(7))


@pytest.mark.parametrize("positions", [[0, 1, 2], [49], [3, 17, 40], []])
def test_the_examples_at_these_positions(positions):
    source = open_source(DATA)
    images, labels = load_images(source, DATA)
    some = subset(source, np.array(positions, np.int64))
    assert some.num_examples == len(positions)
    some_images, some_labels = load_images(some, DATA)
    np.testing.assert_array_equal(some_images, images[positions])
    np.testing.assert_array_equal(some_labels, labels[positions])


def order(source: Source, key: int, skip: int = 0) -> list[int]:
    """The positions of an epoch, in its order."""
    examples = source.shuffled(tf.constant([key, 5]), tf.constant(skip, tf.int64))
    return [int(example["index"]) for example in examples.as_numpy_iterator()]


def test_an_epoch_of_some_has_the_order_of_the_whole_epoch():
    source, positions = open_source(DATA), np.array([3, 8, 9, 17, 40])
    some = subset(source, positions)
    whole = [place for place in order(source, 1) if place in positions]
    assert order(some, 1) == whole and sorted(whole) == positions.tolist()
    assert order(some, 2) != whole
    for skip in range(6):
        assert order(some, 1, skip) == whole[skip:]


def test_the_first_are_those_of_the_lowest_ids_where_these_have_the_published_order():
    names = np.array([f"test_{place}" for place in (10, 2, 33, 1, 9)])
    source = open_source(DATA)._replace(num_examples=5, ids=lambda: names)
    np.testing.assert_array_equal(first_positions(source, 3), [0, 1, 2])
    published = source._replace(published_by_id=True)
    np.testing.assert_array_equal(first_positions(published, 3), [1, 3, 4])
    np.testing.assert_array_equal(first_positions(published, 9), np.arange(5))


def test_some_examples_keep_their_ids():
    names = np.array([f"digit {place}" for place in range(50)])
    source = open_source(DATA)._replace(ids=lambda: names)
    some = subset(source, np.array([3, 17, 40]))
    assert some.ids().tolist() == ["digit 3", "digit 17", "digit 40"]
    assert not len(subset(open_source(DATA), np.array([3])).ids())
