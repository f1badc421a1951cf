"""Datasets in a bucket: prepared there and read from there as on a disk."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import batches, load_images
from ebm_tf.data.preparation import prepare
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError
from tests import cloud
from tests.data.raw_files import encoded, picture, write_mnist, write_zip


@pytest.fixture(autouse=True)
def datasets_in_memory(monkeypatch) -> None:
    cloud.let_datasets_lie_in_memory(monkeypatch)


@pytest.fixture
def raw(tmp_path) -> str:
    write_mnist(tmp_path / "raw", train=20, test=6)
    return str(tmp_path / "raw")


def mnist(directory: str) -> Data:
    return Data(name="mnist", directory=directory, image_size=28, channels=1)


def read(data: Data) -> tuple[Source, np.ndarray, np.ndarray]:
    source = open_source(data)
    return source, *load_images(source, data)


def test_a_dataset_in_a_bucket_is_one_on_disk(raw, tmp_path):
    there, here = f"ram://{tmp_path.name}/data", str(tmp_path / "data")
    prepared = prepare("mnist", raw, there)
    assert prepared.counts == {"train": 20, "test": 6} and prepared.notes == []
    assert str(prepared.directory) == there
    prepare("mnist", raw, here)
    names = cloud.files_below(there)
    assert names == cloud.files_below(here) and "mnist/3.0.1/features.json" in names
    source, *arrays = read(mnist(there))
    assert source.origin == f"{there}/mnist/3.0.1"
    for one, other in zip(arrays, read(mnist(here))[1:], strict=True):
        np.testing.assert_array_equal(one, other)


def test_records_of_a_bucket_are_streamed(tmp_path):
    members = {f"{i:06d}.jpg": encoded(picture(80, 70, seed=i)) for i in range(12)}
    write_zip(tmp_path / "faces.zip", members)
    directory = f"ram://{tmp_path.name}/data"
    prepare("celeb_a", str(tmp_path / "faces.zip"), directory)
    data = Data(name="celeb_a", directory=directory, image_size=64, channels=3)
    stream = batches(open_source(data), data, batch=4, seed=1)
    seen = np.concatenate([next(stream)["image"].numpy() for _ in range(3)])
    assert seen.shape == (12, 64, 64, 3) and len(np.unique(seen[:, 32, 32, 0])) > 6


def test_a_dataset_in_a_bucket_is_replaced_only_on_demand(raw, tmp_path):
    there = f"ram://{tmp_path.name}/data"
    prepare("mnist", raw, there)
    write_mnist(pathlib.Path(raw), train=9, test=3)
    with pytest.raises(DataError, match="is there already: --overwrite replaces it"):
        prepare("mnist", raw, there)
    assert len(read(mnist(there))[2]) == 20
    assert prepare("mnist", raw, there, overwrite=True).counts["train"] == 9
    assert len(read(mnist(there))[2]) == 9


def test_half_an_upload_is_no_dataset(raw, tmp_path, monkeypatch):
    there, copy, copied = f"ram://{tmp_path.name}/data", tf.io.gfile.copy, []

    def cut(source: str, target: str, **settings) -> None:
        if target.endswith(".json"):
            raise tf.errors.UnavailableError(None, None, "the line is cut")
        copied.append(target)
        copy(source, target, **settings)

    monkeypatch.setattr(tf.io.gfile, "copy", cut)
    with pytest.raises(DataError, match=f"Preparing under {there} failed: the line"):
        prepare("mnist", raw, there)
    assert [name for name in copied if "tfrecord" in name]
    monkeypatch.undo()
    cloud.let_datasets_lie_in_memory(monkeypatch)
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: 1 / 0)
    with pytest.raises(DataError, match=f"mnist is not prepared under {there}: run"):
        open_source(mnist(there))


def test_nothing_is_written_to_a_bucket_on_a_dry_run(raw, tmp_path):
    there = f"ram://{tmp_path.name}/data"
    assert prepare("mnist", raw, there, dry_run=True).counts["test"] == 6
    assert not tf.io.gfile.exists(there)


def test_places_that_cannot_be(raw):
    with pytest.raises(DataError, match="Expected gs://bucket/raw on a local disk"):
        prepare("mnist", "gs://bucket/raw", "ram://data")
    with pytest.raises(DataError, match="data_dir=nowhere://data to be a local folder"):
        prepare("mnist", raw, "nowhere://data")
