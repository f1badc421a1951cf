"""Batches: order, resuming, sharding; on sources in memory and on streamed ones."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data import pipelines, raw_images
from ebm_tf.data.arrays import array_source
from ebm_tf.data.datasets import open_source
from ebm_tf.data.preparation import prepare
from ebm_tf.data.sources import Source, deferred
from ebm_tf.errors import ConfigError, DataError
from tests.data.raw_files import encoded, picture, write_zip
from tests.slow import slow

NUM_IMAGES, BATCH = 22, 4
ALONE = tf.distribute.InputContext()


@pytest.fixture(scope="module")
def streamed(tmp_path_factory) -> tuple[Source, Data]:
    folder = tmp_path_factory.mktemp("faces")
    files = {
        f"{i:02d}.jpg": encoded(picture(20 + i, 30, seed=i)) for i in range(NUM_IMAGES)
    }
    prepare("celeb_a", str(write_zip(folder / "faces.zip", files)), str(folder / "out"))
    data = Data(
        name="celeb_a", image_size=8, random_crop=True, directory=str(folder / "out")
    )
    return open_source(data), data


@pytest.fixture
def held() -> tuple[Source, Data]:
    images = np.zeros([NUM_IMAGES, 8, 8, 1], np.uint8)
    images += np.arange(NUM_IMAGES, dtype=np.uint8)[:, None, None, None]
    source = array_source(
        images, np.arange(NUM_IMAGES), name="digits", split="train", origin="here"
    )
    return source, Data(name="digits", image_size=8, channels=1)


@pytest.fixture(params=["held", "streamed"])
def opened(request) -> tuple[Source, Data]:
    return request.getfixturevalue(request.param)


def draw(opened: tuple[Source, Data], count: int, **settings) -> list[np.ndarray]:
    source, data = opened
    iterator = pipelines.batches(source, data, batch=BATCH, **settings)
    return [batch["image"].numpy() for batch in itertools.islice(iterator, count)]


def equal(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def test_batches_are_what_the_contract_says(opened):
    source, data = opened
    spec = pipelines.stream(source, data, ALONE, batch=BATCH, seed=1).element_spec
    assert spec == {
        "image": tf.TensorSpec([BATCH, 8, 8, data.channels], tf.float32),
        "label": tf.TensorSpec([BATCH], tf.int64),
    }
    images = np.concatenate(draw((source, data), 12, seed=1))
    assert -1.0 <= images.min() and images.max() <= 1.0


def test_order_is_a_pure_function_of_the_seed(opened):
    tf.random.set_seed(3)
    first = draw(opened, 12, seed=1)
    tf.random.set_seed(4)
    assert equal(first, draw(opened, 12, seed=1))
    assert not equal(first, draw(opened, 12, seed=2))


@pytest.mark.parametrize("start", [5, 11, *map(slow, (1, 4, 7, 10))])
def test_resuming_equals_never_stopping(opened, start):
    whole = draw(opened, 14, seed=1)
    assert equal(whole[start:], draw(opened, 14 - start, seed=1, start=start))


def test_nothing_before_start_is_decoded(streamed):
    source, data = streamed

    def shuffled(key, skip):
        records = source.shuffled(key, tf.constant(0, tf.int64)).enumerate()
        return records.map(
            lambda i, one: {**one, "record": tf.where(i < 16, "?", one["record"])}
        ).skip(skip)

    damaged = source._replace(shuffled=shuffled)
    expected = draw((source, data), 1, seed=1, start=4)
    assert equal(draw((damaged, data), 1, seed=1, start=4), expected)


def test_an_epoch_has_no_image_twice_and_its_own_order(held):
    source, data = held
    batches = pipelines.batches(source, data, batch=BATCH, seed=1)
    labels = np.array([next(batches)["label"].numpy() for _ in range(15)])
    epochs = labels.reshape([3, -1])
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len({frozenset(epoch) for epoch in epochs}) > 1  # another rest is dropped


def test_indices_are_a_permutation_and_match_the_examples(opened):
    source, data = opened
    plain = dataclasses.replace(data, random_crop=False)
    images, labels = pipelines.load_images(source, plain)
    batches = pipelines.batches(source, plain, batch=11, seed=1, with_index=True)
    indices = []
    for batch in itertools.islice(batches, 4):
        index = batch["index"].numpy()
        np.testing.assert_allclose(batch["image"], images[index], atol=1e-6)
        np.testing.assert_array_equal(batch["label"], labels[index])
        indices.append(index)
    epochs = np.reshape(indices, [2, NUM_IMAGES])
    assert indices[0].dtype == np.int64
    np.testing.assert_array_equal(np.sort(epochs), [range(NUM_IMAGES)] * 2)
    assert not np.array_equal(*epochs)
    resumed = pipelines.batches(
        source, plain, batch=11, seed=1, with_index=True, start=3
    )
    np.testing.assert_array_equal(next(resumed)["index"], indices[3])


def test_asking_for_indices_changes_nothing_else(opened):
    source, data = opened
    asked = pipelines.batches(source, data, batch=BATCH, seed=1, with_index=True)
    with_index = [batch["image"].numpy() for batch in itertools.islice(asked, 7)]
    assert equal(with_index, draw(opened, 7, seed=1))


def test_a_first_place_is_uniform(held):
    source, _ = held
    firsts = []
    for seed in range(150):
        keys = tf.constant([seed, 1], tf.int64)
        dataset = source.shuffled(keys, tf.constant(0, tf.int64))
        firsts.append(int(next(iter(dataset))["index"]))
    counts = np.bincount(firsts, minlength=NUM_IMAGES)
    statistic = ((counts - 150 / NUM_IMAGES) ** 2 / (150 / NUM_IMAGES)).sum()
    assert statistic < 46.8  # chi-squared of 21 degrees, 0.1 %


@pytest.mark.parametrize(
    ("shards", "replicas"), [(2, 4), slow(1, 2), slow(2, 2), slow(4, 4)]
)
def test_workers_together_use_the_single_process_examples(opened, shards, replicas):
    source, data = opened
    single = draw((source, data), 6, seed=1, start=3)
    per_step = replicas // shards
    pieces = []
    for shard in range(shards):
        context = tf.distribute.InputContext(shards, shard, replicas)
        dataset = pipelines.stream(source, data, context, batch=BATCH, seed=1, start=3)
        images = [part["image"].numpy() for part in dataset.take(6 * per_step)]
        assert images[0].shape[0] == BATCH // replicas
        pieces.append(np.concatenate(images).reshape([6, -1, *images[0].shape[1:]]))
    for step, expected in enumerate(single):
        rebuilt = np.stack([piece[step] for piece in pieces], 1)
        np.testing.assert_array_equal(rebuilt.reshape(expected.shape), expected)


def test_a_strategy_gets_per_replica_batches(held):
    source, data = held
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    batches = pipelines.batches(source, data, batch=BATCH, seed=1, strategy=strategy)
    (local,) = strategy.experimental_local_results(next(batches))
    np.testing.assert_array_equal(local["image"], draw(held, 1, seed=1)[0])


def test_nothing_tunes_a_stream_whose_thread_a_stop_would_wait_for(opened):
    source, data = opened
    options = pipelines.stream(source, data, ALONE, batch=BATCH, seed=1).options()
    assert options.autotune.enabled is False and options.deterministic is True


def test_load_images_is_in_file_order_and_never_random(opened):
    source, data = opened
    images, labels = pipelines.load_images(source, data)
    again, _ = pipelines.load_images(source, data, limit=5)
    assert images.shape == (NUM_IMAGES, 8, 8, data.channels)
    assert images.dtype == np.float32 and labels.dtype == np.int64
    np.testing.assert_array_equal(images[:5], again)
    assert set(labels) == ({-1} if source.name == "celeb_a" else set(range(NUM_IMAGES)))


def test_fewer_examples_than_a_batch_is_told(held):
    with pytest.raises(DataError, match="22 examples, fewer than one batch=23"):
        pipelines.num_batches(held[0], 23)


@pytest.mark.parametrize(("replicas", "shards"), [(3, 1), (2, 4)])
def test_indivisible_batches_are_told(held, replicas, shards):
    with pytest.raises(ConfigError, match=f"batch=4 .* replicas={replicas}"):
        context = tf.distribute.InputContext(shards, 0, replicas)
        pipelines.stream(held[0], held[1], context, batch=4, seed=1)


def test_a_damaged_image_is_told_in_one_line(tmp_path, monkeypatch):
    damaged = encoded(picture(20, 30, seed=0))[:-200]
    path = write_zip(tmp_path / "faces.zip", {"1.jpg": damaged, "2.jpg": damaged})
    monkeypatch.setattr(raw_images, "upright", lambda content, *_: content)
    prepare("celeb_a", str(path), str(tmp_path / "out"))
    data = Data(name="celeb_a", image_size=8, directory=str(tmp_path / "out"))
    source = open_source(data)
    for read in [
        lambda: pipelines.load_images(source, data),
        lambda: next(pipelines.batches(source, data, batch=2, seed=0)),
    ]:
        with pytest.raises(DataError, match="celeb_a in .* names the one") as caught:
            read()
        assert "\n" not in str(caught.value)


def test_labels_are_read_without_an_image():
    """Of all images or the first: no picture is decoded, so bad ones do not matter."""
    labels = np.arange(5000) % 7
    for one_size in (True, False):

        def decode(encoded):
            return {
                "image": tf.io.decode_jpeg("this is no image", channels=1),
                "label": tf.gather(tf.constant(labels), encoded["index"]),
            }

        examples = array_source(
            np.zeros([5000, 1, 1, 1], np.uint8), name="many", split="a", origin="here"
        )
        source = examples._replace(decode=decode, one_size=one_size)
        np.testing.assert_array_equal(pipelines.labels_in_order(source), labels)
        np.testing.assert_array_equal(
            pipelines.labels_in_order(source, 4500), labels[:4500]
        )
    with pytest.raises(DataError, match="damaged"):  # where images are asked for
        pipelines.load_images(source, Data(name="many", image_size=1, channels=1))


def test_every_label_is_checked_even_the_last():
    labels = np.zeros(600, int)
    labels[-1] = 3
    source = array_source(
        np.zeros([600, 2, 2, 1], np.uint8), labels, name="x", split="a", origin="here"
    )

    def check(num_classes, **how):
        return list(pipelines.check_labels(source, num_classes, setting="k", **how))

    assert check(4) == ["labels: reading 600 of x, a"]
    assert check(3, few=True) == ["labels: reading 500 of x, a"]
    assert check(3, limit=599) == ["labels: reading 599 of x, a"]
    with pytest.raises(DataError, match="has labels 0 to 3, but k=3"):
        check(3)


def test_a_deferred_source_is_opened_once_and_when_it_is_needed(held):
    opened = []

    def opening():
        opened.append(1)
        return held[0]

    source = deferred(opening)
    assert not opened
    assert source.num_examples == NUM_IMAGES and source._replace(name="b").name == "b"
    assert len(opened) == 1
    missing = deferred(lambda: open_source(Data(name="nowhere", image_size=8)))
    with pytest.raises(DataError, match="Unknown dataset 'nowhere'"):
        pipelines.describe_data(missing)
