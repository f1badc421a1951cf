"""Datasets by name, and what is told where they are not there."""

import shutil

import numpy as np
import pytest
import sklearn.datasets
import tensorflow_datasets as tfds

from ebm_tf.config.parts import Data
from ebm_tf.data import prepared
from ebm_tf.data.datasets import DATASETS, open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.preparation import prepare
from ebm_tf.errors import DataError
from tests.data.raw_files import write_mnist


def data(name: str, **settings) -> Data:
    return Data(name=name, image_size=8, channels=1, **settings)


@pytest.fixture(scope="module")
def mnist_folder(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("mnist")
    write_mnist(folder / "raw", train=30, test=10)
    prepare("mnist", str(folder / "raw"), str(folder / "out"))
    return str(folder / "out")


def test_digits_are_scikit_learns():
    source = open_source(data("digits"))
    images, labels = load_images(source, data("digits"))
    originals, expected = sklearn.datasets.load_digits(return_X_y=True)
    assert source.num_examples == 1797 and source.shape is None
    as_bytes = np.rint(255 * originals / 16).reshape([-1, 8, 8, 1])
    np.testing.assert_allclose(images, as_bytes * 2 / 255 - 1, atol=1e-6)
    np.testing.assert_array_equal(labels, expected)
    assert images.min() == -1.0 and images.max() == 1.0


@pytest.mark.parametrize(
    ("split", "count"),
    [("train[:1437]", 1437), ("train[1437:]", 360), ("train[-7:]", 7)],
)
def test_parts_of_digits(split, count):
    assert open_source(data("digits", split=split)).num_examples == count


@pytest.mark.parametrize("split", ["test", "train[:10%]", "train[5000:]", ""])
def test_digits_has_no_other_split(split):
    with pytest.raises(DataError, match="digits"):
        open_source(data("digits", split=split))


def test_parts_of_prepared_datasets(mnist_folder):
    counts = {
        split: open_source(
            data("mnist", split=split, directory=mnist_folder)
        ).num_examples
        for split in ["train", "test", "train[:10]", "train[50%:]", "train+test"]
    }
    assert list(counts.values()) == [30, 10, 10, 15, 40]


def test_unknown_dataset_names_its_neighbours():
    with pytest.raises(DataError, match="'mnsit': did you mean mnist.*cifar10"):
        open_source(data("mnsit"))
    with pytest.raises(DataError, match="'zzz': there are celeb_a"):
        open_source(data("zzz"))


@pytest.mark.parametrize("split", ["validation", "train[:", "train[:99999]"])
def test_unknown_split_names_those_there_are(mnist_folder, split):
    with pytest.raises(DataError, match="test of .*, train of ") as caught:
        open_source(data("mnist", split=split, directory=mnist_folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["celeb_a", "imagenet2012", "tiny_imagenet"])
def test_a_dataset_that_is_not_prepared_says_the_command(name, tmp_path):
    with pytest.raises(DataError) as caught:
        open_source(data(name, directory=str(tmp_path)))
    assert str(caught.value) == (
        f"Dataset {name} is not prepared under {tmp_path}: run "
        f"python3 tools/prepare_data.py {name} RAW_FOLDER --data_dir {tmp_path}"
    )


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "mnist", "svhn"])
def test_a_download_that_fails_says_the_command(name, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("Name or service\nnot known")

    monkeypatch.setattr(prepared.urllib.request, "urlopen", offline)
    with pytest.raises(DataError) as caught:
        open_source(data(name, directory=str(tmp_path)))
    assert str(caught.value) == (
        f"Dataset {name} is not prepared under {tmp_path}: run "
        f"python3 tools/prepare_data.py {name} RAW_FOLDER --data_dir {tmp_path} "
        "(Downloading it failed: Name or service not known)"
    )
    assert not list(tmp_path.iterdir())


def test_every_dataset_has_a_place_in_tfds_or_is_named_here():
    names = {prepared.tfds_name(name) for name in DATASETS}
    made = {"digits", "mnist35", "squares", "squares32"}
    assert names - set(tfds.list_builders()) == made | {"tiny_imagenet"}


@pytest.mark.parametrize("lost", [1, 600])
def test_a_dataset_that_is_cut_off_is_told(mnist_folder, tmp_path, lost):
    folder = shutil.copytree(mnist_folder, tmp_path / "copy")
    (path,) = folder.glob("mnist/*/*train*")
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(DataError, match="is cut off.*--overwrite"):
        open_source(data("mnist", directory=str(folder)))


def test_damaged_bytes_are_told(mnist_folder, tmp_path):
    folder = shutil.copytree(mnist_folder, tmp_path / "copy")
    (path,) = folder.glob("mnist/*/*train*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged.*--overwrite"):
        open_source(data("mnist", directory=str(folder)))


def test_a_missing_file_is_told(mnist_folder, tmp_path):
    folder = shutil.copytree(mnist_folder, tmp_path / "copy")
    (path,) = folder.glob("mnist/*/*train*")
    path.unlink()
    with pytest.raises(DataError, match=f"lacks the file {path}"):
        open_source(data("mnist", directory=str(folder)))


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
def test_a_damaged_description_is_told(mnist_folder, tmp_path, file):
    folder = shutil.copytree(mnist_folder, tmp_path / "copy")
    (path,) = folder.glob(f"mnist/*/{file}")
    path.write_text("{")
    with pytest.raises(DataError, match="description of dataset mnist") as caught:
        open_source(data("mnist", directory=str(folder)))
    assert "\n" not in str(caught.value)
