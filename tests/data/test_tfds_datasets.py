"""Any dataset in TFDS format: its images and labels are found, or named."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from ebm_tf.config.parts import Data
from ebm_tf.data import prepared
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import describe_data, load_images
from ebm_tf.data.sources import first_positions
from ebm_tf.errors import DataError

IMAGES = np.random.default_rng(1).integers(0, 256, [12, 8, 8, 3], np.uint8)


def written(folder: pathlib.Path, name: str, **parts: tuple) -> None:
    """Writes a dataset whose features are (feature, values)."""
    arrays = {key: values for key, (_, values) in parts.items()}
    features: dict = {key: feature for key, (feature, _) in parts.items()}
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": tf.data.Dataset.from_tensor_slices(arrays)},
        data_dir=str(folder),
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("tfds")
    image, kind = tfds.features.Image(shape=(8, 8, 3)), tfds.features.ClassLabel
    leaf = (kind(names=["oak", "elm", "ash"]), np.arange(12) % 3)
    written(folder, "leaves", photo=(image, IMAGES), species=leaf)
    two = {"first": (image, IMAGES), "second": (image, IMAGES[::-1])}
    more = {"species": leaf, "place": (kind(num_classes=2), np.arange(12) % 2)}
    written(folder, "pairs", **two, **more)
    return str(folder)


def data(name: str, directory: str, **settings) -> Data:
    return Data(name=name, directory=directory, image_size=8, **settings)


@pytest.mark.parametrize("name", ["leaves", "tfds:leaves", "tfds:leaves:1.0.0"])
def test_features_are_found(name, directory):
    source = open_source(data(name, directory))
    images, labels = load_images(source, data(name, directory))
    assert source.classes == ("oak", "elm", "ash")
    given = {image.tobytes(): i % 3 for i, image in enumerate(IMAGES)}
    for image, label in zip(np.rint((images + 1) * 127.5), labels, strict=True):
        assert given[image.astype(np.uint8).tobytes()] == label
    assert open_source(data(name, directory, split="train[:25%]")).num_examples == 3


def test_features_are_named(directory):
    with pytest.raises(DataError) as caught:
        open_source(data("pairs", directory))
    assert str(caught.value) == (
        "Expected dataset pairs to have one feature of images: --set "
        "data.image_key=NAME, of first (Image), place (ClassLabel), second (Image), "
        "species (ClassLabel)."
    )
    source = open_source(data("pairs", directory, image_key="second"))
    assert "data.label_key=NAME, of place, species" in describe_data(source)
    with pytest.raises(DataError, match="one feature of labels.*data.label_key"):
        open_source(data("pairs", directory, image_key="first", label_key="kind"))
    named = data("pairs", directory, image_key="first", label_key="place")
    assert set(load_images(open_source(named), named)[1]) == {0, 1}


@pytest.mark.parametrize(
    "name", ["tfds:oxford_flowers102", "oxford_flowers102", "tfds:x"]
)
def test_a_dataset_that_is_not_there_is_told(name, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr(prepared.urllib.request, "urlopen", offline)
    with pytest.raises(DataError) as caught:
        open_source(data(name, str(tmp_path)))
    assert str(caught.value) == (
        f"Dataset {name.removeprefix('tfds:')} is not prepared under {tmp_path}, and "
        "downloading it by TFDS failed: Name or service not known."
    )


@pytest.mark.parametrize(
    ("key", "feature", "ids"),
    [
        ("id", tfds.features.Text(), [f"train_{i:05d}" for i in range(12)][::-1]),
        ("file_name", tfds.features.Text(), [f"{i}.png" for i in range(12)][::-1]),
        ("image_id", np.int64, list(range(12))[::-1]),
    ],
)
def test_ids_come_with_the_images(key, feature, ids, tmp_path):
    image = tfds.features.Image(shape=(8, 8, 3))
    written(tmp_path, "named", image=(image, IMAGES), **{key: (feature, ids)})
    config = data("named", str(tmp_path))
    source = open_source(config)
    places = {given.tobytes(): str(own) for given, own in zip(IMAGES, ids, strict=True)}
    images, _ = load_images(source, config)
    as_bytes = np.rint((images + 1) * 127.5).astype(np.uint8)
    expected = [places[image.tobytes()] for image in as_bytes]
    assert source.ids().tolist() == expected
    first = first_positions(source, 4)
    assert sorted(np.array(expected)[first]) == sorted(map(str, ids[-4:]))


@pytest.mark.parametrize("split", ["train", "train[3:7]"])
def test_images_of_mnist_are_named_by_their_places_in_the_published_files(
    split, tmp_path
):
    kind = tfds.features.ClassLabel(num_classes=10)
    image = tfds.features.Image(shape=(8, 8, 3))
    written(tmp_path, "mnist", image=(image, IMAGES), label=(kind, np.arange(12) % 10))
    config = data("mnist", str(tmp_path), split=split)
    source = open_source(config)
    images, _ = load_images(source, config)
    as_bytes = np.rint((images + 1) * 127.5).astype(np.uint8)
    places = {image.tobytes(): f"train_{i:05d}" for i, image in enumerate(IMAGES)}
    expected = [places[image.tobytes()] for image in as_bytes]
    assert source.ids().tolist() == expected != sorted(expected)
    first = np.array(expected)[first_positions(source, 2)]
    assert sorted(first) == sorted(expected)[:2]


def test_what_has_no_ids_says_none(directory):
    source = open_source(data("leaves", directory))
    assert not len(source.ids())
    np.testing.assert_array_equal(first_positions(source, 4), np.arange(4))
