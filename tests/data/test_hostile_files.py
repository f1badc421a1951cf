"""Whatever a raw file holds, reading it ends in examples or in one line."""

import pathlib
from collections.abc import Callable

import numpy as np
import pytest

from ebm_tf.data.raw_datasets import RAW_DATASETS
from ebm_tf.errors import UserError
from tests.data import raw_files
from tests.data.raw_files import encoded, picture, tar, write_zip
from tests.data.test_image_files import hurt
from tests.data.test_raw_lists import kit
from tests.data.test_raw_pickles import batch

IMAGE = encoded(picture(9, 8, seed=1))
TENCH = "n01440764"
PARTITION = "list_eval_partition.txt"


def _zip_of_faces(raw: pathlib.Path) -> None:
    lines = "".join(f"{i}.jpg {i}\n" for i in range(3))
    faces = {f"img/{i}.jpg": IMAGE for i in range(3)}
    write_zip(raw, faces | {PARTITION: lines.encode()})


def _faces(raw: pathlib.Path) -> None:
    raw.mkdir()
    (raw / "1.jpg").write_bytes(IMAGE)
    (raw / "list_eval_partition.csv").write_bytes(
        "image_id,partition\n1.jpg,2\n".encode("utf-16")
    )


def _tars(raw: pathlib.Path) -> None:
    raw.mkdir()
    inner = tar({f"{TENCH}_{i}.JPEG": IMAGE for i in range(2)})
    (raw / "ILSVRC2012_img_train.tar").write_bytes(tar({f"{TENCH}.tar": inner}))
    files = {"ILSVRC2012_val_00000001.JPEG": IMAGE}
    (raw / "ILSVRC2012_img_val.tar").write_bytes(tar(files))


def _flat(raw: pathlib.Path, *, name: str, content: str) -> None:
    (raw / "val").mkdir(parents=True)
    (raw / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(IMAGE)
    (raw / name).write_text(content)


def _kit(raw: pathlib.Path) -> None:
    kit(raw / "kit", [2])
    (raw / "ILSVRC2012_val_00000001.JPEG").write_bytes(IMAGE)


def _pickles(raw: pathlib.Path, *, packed: bool) -> None:
    raw.mkdir()
    content = batch(0, 3, labels=[0, 9, 4])
    if packed:
        packed_content = tar({"a/data_batch_1": content}, "w:gz")
        (raw / "cifar-10-python.tar.gz").write_bytes(packed_content)
    else:
        (raw / "data_batch_1").write_bytes(content)


FORMATS: dict[str, tuple[str, Callable[[pathlib.Path], object]]] = {
    "IDX": (
        "mnist",
        lambda raw: raw_files.write_mnist(raw, train=3, test=2, zipped=False),
    ),
    "IDX, packed": ("mnist", lambda raw: raw_files.write_mnist(raw, train=3, test=2)),
    "CIFAR": (
        "cifar10",
        lambda raw: raw_files.write_cifar(raw, {"data_batch_1.bin": 3}),
    ),
    "CIFAR-100": (
        "cifar100",
        lambda raw: raw_files.write_cifar100(raw, {"train.bin": 3}),
    ),
    "pickles": ("cifar10", lambda raw: _pickles(raw, packed=False)),
    "pickles, packed": ("cifar10", lambda raw: _pickles(raw, packed=True)),
    "MATLAB": ("svhn", lambda raw: raw_files.write_svhn(raw, {"train": 3})),
    "npz": (
        "tiny_imagenet",
        lambda raw: raw_files.write_tiny_imagenet(raw, {"train.npz": 3, "val.npz": 1}),
    ),
    "a zip of faces": ("celeb_a", _zip_of_faces),
    "a folder of faces": ("celeb_a", _faces),
    "tars": ("imagenet2012", _tars),
    "Kaggle's list": (
        "imagenet2012",
        lambda raw: _flat(
            raw,
            name="LOC_val_solution.csv",
            content=f"ImageId,PredictionString\nILSVRC2012_val_00000001,{TENCH} 1",
        ),
    ),
    "synsets": (
        "imagenet2012",
        lambda raw: _flat(
            raw, name="imagenet_2012_validation_synset_labels.txt", content=f"{TENCH}\n"
        ),
    ),
    "the development kit": ("imagenet2012", _kit),
}


def read(name: str, raw: pathlib.Path) -> int:
    """How many examples there are."""
    found = RAW_DATASETS[name](raw)
    return sum(
        bool(read()) for split in found.splits for _, read in found.examples(split)
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_whole_files_are_read(tmp_path, kind):
    name, write = FORMATS[kind]
    write(tmp_path / "raw.zip")
    assert read(name, tmp_path / "raw.zip") > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_hurt_files_end_in_one_line(tmp_path, kind):
    name, write = FORMATS[kind]
    raw = tmp_path / "raw.zip"
    write(raw)
    paths = sorted(p for p in [raw, *raw.rglob("*")] if p.is_file())
    random, told = np.random.default_rng(sorted(FORMATS).index(kind)), 0
    for number in range(300):
        path = paths[number % len(paths)]
        content = path.read_bytes()
        path.write_bytes(hurt(content, random))
        try:
            read(name, raw)
        except UserError as error:
            told += 1
            assert "\n" not in str(error) and str(error).isprintable()
        path.write_bytes(content)
    assert told > 30
