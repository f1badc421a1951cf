"""Datasets of users: arrays of any shape, and functions in files."""

import itertools
import pathlib

import numpy as np
import pytest

from ebm_tf.config.kinds import load_function
from ebm_tf.config.parts import Data
from ebm_tf.data import pipelines
from ebm_tf.data.arrays import array_source, digits, few_of_each_class
from ebm_tf.data.datasets import open_source
from ebm_tf.data.sources import Source
from ebm_tf.errors import ConfigError, DataError

TEXT = """
import numpy as np
from ebm_tf.config.parts import Data
from ebm_tf.data.arrays import digits
from ebm_tf.data.datasets import open_source
from ebm_tf.errors import ConfigError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, [22, 8, 8, 1], np.uint8)
POINTS = RANDOM.normal(size=[22, 3]).astype(np.float32)
LABELS = np.arange(22) % 3
RESULTS = {
    "list": [1, 2],
    "three": (IMAGES, LABELS, LABELS),
    "doubles": (POINTS.astype(float), LABELS),
    "planes": IMAGES[..., 0],
    "two_channels": np.zeros([5, 8, 8, 2], np.uint8),
    "numbers": POINTS[:, 0],
    "nothing": POINTS[:0],
    "few_labels": (POINTS, LABELS[:-1]),
    "float_labels": (POINTS, LABELS + 0.0),
    "list_of_labels": (POINTS, list(LABELS)),
}

def images(split, directory):
    return IMAGES, LABELS

def points(split, directory):
    return POINTS

def floats(split, directory):
    return IMAGES.astype(np.float32) / 255

def source(split, directory):
    return open_source(Data(name="digits", split=split, image_size=8, channels=1))

def wrong(split, directory):
    return RESULTS[split]

def fails(split, directory):
    raise ValueError(f"no {split}\\nin {directory}")

def refuses(split, directory):
    raise ConfigError("Expected another split.")

def forgets():
    pass
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> pathlib.Path:
    (tmp_path / "mine.py").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(function: str, **settings) -> Data:
    return Data(name=f"mine.py:{function}", image_size=8, channels=1, **settings)


def held(examples: np.ndarray, labels: np.ndarray | None = None) -> Source:
    return array_source(examples, labels, name="x", split="train", origin="here")


def draw(source: Source, settings: Data, count: int, **choices) -> list[dict]:
    batches = pipelines.batches(source, settings, batch=4, seed=1, **choices)
    return [
        {part: values.numpy() for part, values in batch.items()}
        for batch in itertools.islice(batches, count)
    ]


def assert_equal(left: list[dict], right: list[dict]) -> None:
    for one, other in zip(left, right, strict=True):
        assert one.keys() == other.keys()
        for part in one:
            np.testing.assert_array_equal(one[part], other[part])


@pytest.mark.parametrize(
    ("split", "part"),
    [("train", slice(None)), ("train[3:20]", slice(3, 20)), ("a[-9:]", slice(13, 22))],
)
def test_a_function_is_the_arrays_that_it_returns(split, part):
    mine = load_function("mine.py:images").__globals__
    settings = data("images", split=split, padding=1, flip=True)
    theirs = open_source(settings)
    ours = held(mine["IMAGES"][part], mine["LABELS"][part])
    assert_equal(draw(theirs, settings, 11), draw(ours, settings, 11))
    for one, other in zip(
        pipelines.load_images(theirs, settings),
        pipelines.load_images(ours, settings),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_a_function_may_return_a_source_of_the_very_split():
    source = open_source(data("source", split="train[:30]"))
    assert (source.name, source.num_examples) == ("digits", 30)
    assert open_source(data("source")).num_examples == 1797


@pytest.mark.parametrize("random_crop", [False, True])
def test_points_pass_unchanged_in_an_order_of_the_seed(random_crop):
    settings = data("points", random_crop=random_crop, padding=2, flip=True)
    source = open_source(settings, images=False)
    points, labels = pipelines.load_images(source, settings)
    assert points.shape == (22, 3) and set(labels) == {-1}
    whole = draw(source, settings, 14, with_index=True)
    for batch in whole:
        np.testing.assert_array_equal(batch["image"], points[batch["index"]])
    assert_equal(whole[6:], draw(source, settings, 8, with_index=True, start=6))
    images = array_source(
        np.zeros([22, 8, 8, 1], np.uint8), name="", split="", origin=""
    )
    for one, other in zip(
        whole, draw(images, settings, 14, with_index=True), strict=True
    ):
        np.testing.assert_array_equal(one["index"], other["index"])


def test_floats_of_the_shape_of_images_are_used_as_they_are():
    source = open_source(data("floats"))
    images, _ = pipelines.load_images(source, data("floats"))
    assert images.shape == (22, 8, 8, 1) and 0.0 <= images.min() and images.max() == 1.0


def test_the_origin_tells_other_examples_apart(here):
    first = open_source(data("images")).origin
    assert first == open_source(data("images")).origin
    assert first != open_source(data("images", split="train[:9]")).origin
    (here / "mine.py").write_text(TEXT + "\nIMAGES[0, 0, 0, 0] ^= 1")
    assert first != open_source(data("images")).origin


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (data("image"), "Expected mine.py to define a function 'image'."),
        (Data(name="our.py:f", image_size=8), "No file our.py"),
        (Data(name="mine.py", image_size=8), "Unknown dataset 'mine.py'.*FILE.py:func"),
        (
            data("fails", directory="/d"),
            "Dataset mine.py:fails failed on split 'train': ValueError: no train in /d",
        ),
        (data("forgets"), "forgets failed on split 'train': TypeError: .*takes 0 pos"),
        (data("images", split="train[:9%]"), "no split 'train\\[:9%\\]'"),
        (data("images", split="train+test"), r"no split 'train\+test'"),
        (data("images", split="train[50:]"), "has no examples"),
        (data("points"), r"images, .* shape \(8, 8, 1\), got those of \(3,\)"),
        (data("wrong", split="list"), "examples uint8 .*, got list"),
        (data("wrong", split="three"), "examples uint8 .*, got tuple"),
        (data("wrong", split="doubles"), r"examples uint8 .*, got float64 \[22,3\]"),
        (data("wrong", split="planes"), r"got uint8 \[22,8,8\]"),
        (data("wrong", split="two_channels"), r"got uint8 \[5,8,8,2\]"),
        (data("wrong", split="numbers"), r"got float32 \[22\]"),
        (data("wrong", split="nothing"), r"examples uint8 .*, got float32 \[0,3\]"),
        (data("wrong", split="few_labels"), r"int \[22\], got int64 \[21\]"),
        (data("wrong", split="float_labels"), r"int \[22\], got float64 \[22\]"),
        (data("wrong", split="list_of_labels"), r"int \[22\], got list"),
    ],
)
def test_each_mistake_is_one_line(settings, message):
    with pytest.raises(DataError, match=message) as caught:
        open_source(settings)
    assert "\n" not in str(caught.value)


def test_what_a_function_says_itself_is_kept():
    with pytest.raises(ConfigError, match="^Expected another split.$"):
        open_source(data("refuses"))


def test_arrays_are_checked_where_no_function_brings_them():
    images, labels = digits("train", None)
    with pytest.raises(DataError, match=r"int \[1797\], got int64 \[1796\]"):
        held(images, labels[1:])


def few(per_class: int, least: int = 1, seed: int = 0) -> list[tuple[bytes, int]]:
    """Images and labels of a few of each of three classes of 22 examples."""
    images = np.arange(22 * 64, dtype=np.uint16).reshape(22, 8, 8, 1).astype(np.uint8)
    images[:, 0, 0, 0] = np.arange(22)  # no two are the same
    labels = np.arange(22) % 3
    whole = array_source(images, labels, name="own", split="train", origin="here")
    source = few_of_each_class(whole, per_class, 3, seed, least=least)
    found = source.in_order().map(source.decode).as_numpy_iterator()
    pairs = [(part["image"], int(part["label"])) for part in found]
    assert source.num_examples == len(pairs)
    for image, label in pairs:
        np.testing.assert_array_equal(image, images[image[0, 0, 0]])
        assert label == labels[image[0, 0, 0]]
    return [(image.tobytes(), label) for image, label in pairs]


def test_a_few_of_each_class_are_chosen_by_the_seed():
    chosen = few(4)
    assert sorted(label for _, label in chosen) == [0] * 4 + [1] * 4 + [2] * 4
    assert len(set(chosen)) == 12
    assert few(4) == chosen and few(4, seed=1) != chosen


def test_a_few_are_repeated_to_fill_a_batch():
    assert few(2, least=20) == few(2) * 4


def test_too_few_of_a_class_are_told():
    with pytest.raises(DataError, match="8 examples of each class .* class 1 has 7"):
        few(8)
