"""Shifts and flips: every result is a window of the padded image, by its own key."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data import images, pipelines
from ebm_tf.data.arrays import array_source
from ebm_tf.data.sources import Source

SIZE, NUM_IMAGES, BATCH = 8, 22, 4
BYTES = np.random.default_rng(0).integers(1, 256, [NUM_IMAGES, SIZE, SIZE, 1], np.uint8)
IMAGES = (BYTES * np.float32(2 / 255) - np.float32(1)).astype(np.float32)
LABELS = np.arange(NUM_IMAGES)


def data(**settings) -> Data:
    return Data(name="digits", image_size=SIZE, channels=1, **settings)


def keys(count: int) -> tf.Tensor:
    return tf.constant([[5, i] for i in range(count)], tf.int64)


def places_of(image: np.ndarray, result: np.ndarray, padding: int) -> list[tuple]:
    """(top, left, whether mirrored) of every window that the result may be."""
    padded = np.pad(
        image, [(padding, padding), (padding, padding), (0, 0)], constant_values=-1.0
    )
    found = []
    for top, left in itertools.product(range(2 * padding + 1), repeat=2):
        window = padded[top : top + SIZE, left : left + SIZE]
        for mirrored in (False, True):
            if np.array_equal(window[:, ::-1] if mirrored else window, result):
                found.append((top, left, mirrored))
    return found


@pytest.mark.parametrize(
    ("padding", "flip", "num_places"), [(0, True, 2), (1, False, 9), (2, True, 50)]
)
def test_all_places_are_equally_likely(padding, flip, num_places):
    count = 20 * num_places
    results = images.shifted_and_flipped(
        tf.repeat(tf.constant(IMAGES[:1]), count, axis=0),
        data(padding=padding, flip=flip),
        keys(count),
    )
    counts: dict[tuple, int] = {}
    for result in results.numpy():
        (place,) = places_of(IMAGES[0], result, padding)
        counts[place] = counts.get(place, 0) + 1
    assert len(counts) == num_places
    statistic = sum((number - 20) ** 2 / 20 for number in counts.values())
    freedom = num_places - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)


def test_a_result_depends_on_its_own_key_only():
    settings = data(padding=2, flip=True)
    together = images.shifted_and_flipped(
        tf.constant(IMAGES), settings, keys(NUM_IMAGES)
    )
    alone = [
        images.shifted_and_flipped(tf.constant(image[None]), settings, key[None])
        for image, key in zip(IMAGES, keys(NUM_IMAGES), strict=True)
    ]
    np.testing.assert_array_equal(together, tf.concat(alone, 0))


@pytest.fixture
def source() -> Source:
    return array_source(BYTES, LABELS, name="digits", split="train", origin="here")


def draw(source: Source, settings: Data, count: int, **choices) -> list[dict]:
    batches = pipelines.batches(source, settings, batch=BATCH, seed=1, **choices)
    return [
        {name: value.numpy() for name, value in batch.items()}
        for batch in itertools.islice(batches, count)
    ]


@pytest.mark.parametrize("split", ["train", "train[:20]"])
def test_batches_of_the_training_split_are_augmented(source, split):
    settings = data(split=split, padding=1, flip=True)
    places = set()
    for batch in draw(source, settings, 12):
        assert batch["image"].shape == (BATCH, SIZE, SIZE, 1)
        for image, label in zip(batch["image"], batch["label"], strict=True):
            places.update(places_of(IMAGES[label], image, 1))
    assert len(places) > 9


@pytest.mark.parametrize(
    "settings",
    [data(split="test", padding=1, flip=True), data(split="train")],
    ids=["other split", "not asked for"],
)
def test_other_batches_are_the_images_themselves(source, settings):
    for batch in draw(source, settings, 6):
        np.testing.assert_array_equal(batch["image"], IMAGES[batch["label"]])


def test_what_is_measured_is_never_augmented(source):
    for split in ("train", "train[5:]"):
        settings = data(split=split, padding=2, flip=True)
        loaded, labels = pipelines.load_images(source, settings)
        np.testing.assert_array_equal(loaded, IMAGES)
        np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("one_size", [True, False])
def test_an_epoch_has_its_own_shifts_and_resuming_is_exact(source, one_size):
    settings = data(padding=2, flip=True)
    source = source._replace(one_size=one_size)
    whole = draw(source, settings, 14)
    resumed = draw(source, settings, 7, start=7)
    for ours, theirs in zip(whole[7:], resumed, strict=True):
        np.testing.assert_array_equal(ours["image"], theirs["image"])
    by_label: dict[int, list[np.ndarray]] = {}
    for batch in whole:
        for image, label in zip(batch["image"], batch["label"], strict=True):
            by_label.setdefault(int(label), []).append(image)
    changed = [(x[0] != x[1]).any() for x in by_label.values() if len(x) > 1]
    assert np.mean(changed) > 0.8


def test_images_one_by_one_and_in_batches_are_augmented_alike(source):
    settings = data(padding=2, flip=True)
    for ours, theirs in zip(
        draw(source, settings, 6),
        draw(source._replace(one_size=False), settings, 6),
        strict=True,
    ):
        np.testing.assert_array_equal(ours["image"], theirs["image"])


def test_workers_together_see_what_one_process_sees(source):
    settings = data(padding=2, flip=True)
    pieces = []
    for shard in range(2):
        context = tf.distribute.InputContext(2, shard, 2)
        stream = pipelines.stream(source, settings, context, batch=BATCH, seed=1)
        pieces.append([part["image"].numpy() for part in stream.take(6)])
    for first, second, whole in zip(*pieces, draw(source, settings, 6), strict=True):
        np.testing.assert_array_equal(
            np.stack([first, second], 1).reshape(whole["image"].shape), whole["image"]
        )


def test_crops_and_shifts_together_draw_apart(source):
    settings = data(random_crop=True, padding=1, flip=True)
    batches = draw(source, settings, 3)
    assert batches[0]["image"].shape == (BATCH, SIZE, SIZE, 1)
    assert min(batch["image"].min() for batch in batches) >= -1.0
