"""Images in npz and npy files: what is found, taken and refused."""

import pathlib

import numpy as np
import pytest

from ebm_tf.config.parts import Data
from ebm_tf.data.array_files import as_images
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import describe_data, load_images
from ebm_tf.data.sources import Source, require_classes
from ebm_tf.errors import DataError

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, [40, 8, 8, 3], np.uint8)
LABELS = np.repeat(np.arange(4), 10)  # sorted, as many files are


def data(path: pathlib.Path, **settings) -> Data:
    given = {"name": "arrays", "path": str(path), "image_size": 8} | settings
    return Data(**given)


def read(path: pathlib.Path, **settings) -> tuple[Source, np.ndarray, np.ndarray]:
    source = open_source(data(path, **settings))
    images, labels = load_images(source, data(path, **settings))
    return source, np.rint((images + 1) * 127.5).astype(np.uint8), labels


def saved(folder: pathlib.Path, **arrays: np.ndarray) -> pathlib.Path:
    np.savez(folder / "a.npz", allow_pickle=False, **arrays)
    return folder / "a.npz"


def rows(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


def test_shares_have_some_of_all_classes(tmp_path):
    path = saved(tmp_path, images=IMAGES, labels=LABELS)
    parts = [read(path, split=split) for split in ("train[:70%]", "train[70%:]")]
    assert [len(part[1]) for part in parts] == [28, 12]
    assert all(set(part[2]) == {0, 1, 2, 3} for part in parts)
    assert rows(np.concatenate([part[1] for part in parts])) == rows(IMAGES)
    for _, images, labels in parts:
        for image, label in zip(images, labels, strict=True):
            (place,) = [i for i in range(40) if np.array_equal(IMAGES[i], image)]
            assert LABELS[place] == label


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),  # of Keras
        ("train_images", "train_labels", "test_images", "test_labels"),  # of MedMNIST
    ],
)
def test_splits_by_the_names_of_arrays(tmp_path, names):
    arrays = (IMAGES[:30], LABELS[:30, None], IMAGES[30:], LABELS[30:])
    path = saved(tmp_path, **dict(zip(names, arrays, strict=True)))
    _, images, labels = read(path, split="test")
    assert rows(images) == rows(IMAGES[30:]) and set(labels) == {3}
    assert open_source(data(path, split="all")).num_examples == 40
    with pytest.raises(DataError, match="has train of 30 and test of 10 images"):
        open_source(data(path, split="validation"))


def test_a_folder_has_a_file_for_each_split(tmp_path):
    np.savez(tmp_path / "train.npz", arr_0=IMAGES[:30], arr_1=LABELS[:30])
    np.save(tmp_path / "val.npy", IMAGES[30:])
    assert set(read(tmp_path)[2]) == {0, 1, 2}
    _, images, labels = read(tmp_path, split="validation")
    assert rows(images) == rows(IMAGES[30:]) and set(labels) == {-1}


def test_arrays_that_are_named(tmp_path):
    path = saved(tmp_path, photos=IMAGES, masks=IMAGES // 2, kinds=LABELS, more=LABELS)
    with pytest.raises(DataError) as caught:
        open_source(data(path))
    assert str(caught.value) == (
        f"No images are found in {path}: --set data.image_key=NAME says which they are "
        "of photos uint8 [40,8,8,3], masks uint8 [40,8,8,3], kinds int64 [40], more "
        "int64 [40]."
    )
    source, images, labels = read(path, image_key="photos", label_key="kinds")
    assert rows(images) == rows(IMAGES) and np.bincount(labels).tolist() == [10] * 4
    require_classes(labels, 4, source, setting="classifier.num_classes")
    with pytest.raises(DataError, match="data.label_key=NAME"):
        open_source(data(path, image_key="photos", label_key="kind"))


UNIT = (IMAGES / 255).astype(np.float32)


@pytest.mark.parametrize(
    ("array", "note"),
    [
        (UNIT, "float32 taken as of [0,1], and rounded to bytes"),
        (UNIT.astype(np.float64) * 2 - 1, "float64 taken as of [-1,1]"),
        (np.moveaxis(IMAGES, -1, 1), "channels, which come first in the file"),
        (IMAGES.astype(np.int64), None),
    ],
)
def test_forms_that_are_taken(array, note):
    images, notes = as_images(array, "a.npy")
    np.testing.assert_array_equal(images, IMAGES)
    assert notes == [] if note is None else notes[0].startswith(note)


def test_grey_planes_and_masks():
    images, notes = as_images(IMAGES[..., 0], "a.npy")
    np.testing.assert_array_equal(images, IMAGES[..., :1])
    images, notes = as_images(IMAGES[..., 0] > 99, "a.npy")
    assert notes and set(np.unique(images)) == {0, 255} and images.shape[-1] == 1


def test_what_is_taken_is_told(tmp_path):
    np.save(tmp_path / "a.npy", UNIT)
    line = describe_data(open_source(data(tmp_path / "a.npy", image_size=4)))
    assert "float32 taken as of [0,1]" in line and "square of the shorter" in line


@pytest.mark.parametrize(
    "array",
    [
        UNIT * 255,
        UNIT * 3 - 1,
        np.where(UNIT > 0.9, np.nan, UNIT),
        IMAGES // 255,  # of 0 and 1, which would be black
        IMAGES.astype(np.uint16) * 256,
        IMAGES.astype(np.int16) - 128,
        IMAGES[..., 0, 0],
        np.zeros([4, 8, 8, 2], np.uint8),
        IMAGES[:0],
        IMAGES.astype(complex),
        IMAGES.astype(str),
    ],
)
def test_forms_that_are_refused(array):
    with pytest.raises(
        DataError, match="of integers in .0,255. or floats in"
    ) as caught:
        as_images(array, "a.npy")
    assert "\n" not in str(caught.value) and str(array.dtype) in str(caught.value)


@pytest.mark.parametrize(
    "labels", [LABELS[:-1], LABELS - 1, LABELS + 0.5, np.eye(40), LABELS.astype(str)]
)
def test_labels_that_are_refused(tmp_path, labels):
    path = saved(tmp_path, images=IMAGES, labels=labels)
    with pytest.raises(
        DataError, match=r"array labels to be integers \[40\] from 0 on"
    ):
        open_source(data(path))


def test_classes_that_are_needed(tmp_path):
    setting = "classifier.num_classes"
    source, _, labels = read(saved(tmp_path, images=IMAGES, labels=0 * LABELS))
    with pytest.raises(DataError, match="has one class, 0"):
        require_classes(labels, 4, source, setting=setting)
    source, _, labels = read(saved(tmp_path, images=IMAGES, labels=LABELS))
    with pytest.raises(DataError, match="labels 0 to 3, but classifier.num_classes=3"):
        require_classes(labels, 3, source, setting=setting)
    source, _, labels = read(saved(tmp_path, images=IMAGES))
    with pytest.raises(DataError, match="has no labels"):
        require_classes(labels, 4, source, setting=setting)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.mat"])
def test_damaged_files_are_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        open_source(data(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_python_objects_are_not_run(tmp_path):
    class Runs:
        def __reduce__(self):
            return (pathlib.Path.touch, (tmp_path / "ran",))

    objects = np.array([Runs()], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", images=objects)
    np.savez(tmp_path / "c.npz", images=IMAGES, labels=objects)
    for name in ("a.npy", "b.npz", "c.npz"):
        with pytest.raises(DataError):
            open_source(data(tmp_path / name))
    assert not (tmp_path / "ran").exists()
