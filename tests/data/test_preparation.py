"""Raw files to TFDS format and back."""

import gzip
import io
import pathlib
import tarfile
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.preparation import Prepared, prepare
from ebm_tf.errors import DataError
from tests.data import raw_files
from tests.data.raw_files import encoded, picture, tar, write_zip

WHALE, TENCH = "n02066245", "n01440764"
REAL = pathlib.Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def out(tmp_path) -> pathlib.Path:
    return tmp_path / "out"


def builder(name: str, out: pathlib.Path) -> Any:
    """TFDS's own reader; its annotations are too loose for a type checker."""
    return tfds.builder(f"{name}:{tfds.builder_cls(name).VERSION}", data_dir=out)


def written(name: str, out: pathlib.Path, split: str = "train") -> list[Any]:
    """What TFDS itself reads back, as encoded as it lies there."""
    decoders: Any = {"image": tfds.decode.SkipDecoding()}
    dataset = builder(name, out).as_dataset(split=split, decoders=decoders)
    return list(dataset.as_numpy_iterator())


def loaded(name: str, out: pathlib.Path) -> Any:
    return tfds.load(name, data_dir=out, download=False, split="train")


def check_refused(name: str, raw: pathlib.Path, out: pathlib.Path, message: str):
    with pytest.raises(DataError, match=message) as caught:
        prepare(name, str(raw), str(out))
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize(("dot", "zipped"), [("-", True), (".", False)])
def test_mnist_round_trip(tmp_path, out, dot, zipped):
    images, labels = raw_files.write_mnist(
        tmp_path / "raw", train=20, test=6, dot=dot, zipped=zipped
    )
    result = prepare("mnist", str(tmp_path / "raw"), str(out))
    assert result == Prepared({"train": 20, "test": 6}, out, [])
    pairs = loaded("mnist", out).as_numpy_iterator()
    back = {pair["image"].tobytes(): pair["label"] for pair in pairs}
    assert back == dict(zip((i.tobytes() for i in images), labels, strict=True))


def test_mnist_without_test_files_says_so(tmp_path, out):
    raw_files.write_mnist(tmp_path / "raw", train=5, test=2)
    for path in (tmp_path / "raw").glob("t10k*"):
        path.unlink()
    result = prepare("mnist", str(tmp_path / "raw"), str(out))
    assert result.counts == {"train": 5} and "no test files" in result.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "to begin as an IDX file"),
        (b"\x00\x00\x0d\x03" + b"\x00" * 40, "bytes, 00000803, got 00000d03"),
        (b"\x00\x00\x08\x03\x00", "cut off within its header"),
        (raw_files.idx(np.zeros([3, 28, 28]))[:-1], "2,352 bytes .* got 2,351"),
        (raw_files.idx(np.zeros([3, 28, 28])) + b"x", "2,352 bytes .* got 2,353"),
        (raw_files.idx(np.zeros([5, 20, 20])), "images uint8 of 28x28x1 in"),
        (raw_files.idx(np.zeros([4, 28, 28])), r"Expected 4 labels in .* \(5,\)"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "got 0"),
    ],
)
def test_damaged_idx_is_refused(tmp_path, out, content, message):
    raw = tmp_path / "raw"
    raw_files.write_mnist(raw, train=5, test=2, zipped=False)
    (raw / "train-images-idx3-ubyte").write_bytes(content)
    check_refused("mnist", raw, out, message)
    (raw / "train-images-idx3-ubyte").unlink()
    (raw / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    check_refused("mnist", raw, out, message)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_dataset_without_images_is_refused(tmp_path, out, dry_run):
    raw_files.write_mnist(tmp_path / "raw", train=0, test=0)
    with pytest.raises(DataError, match="of split train in .* hold no images"):
        prepare("mnist", str(tmp_path / "raw"), str(out), dry_run=dry_run)
    assert not out.exists()


def test_a_tar_without_images_is_refused(tmp_path, out):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "ILSVRC2012_img_val.tar").write_bytes(tar({}))
    check_refused("imagenet2012", tmp_path / "raw", out, "validation in .* no images")


def test_a_name_twice_in_a_tar_is_refused(tmp_path, out, photographs):
    image = photographs[f"{TENCH}_1.JPEG"]
    content = tar({"ILSVRC2012_val_00000001.JPEG": image})
    ends = content.rindex(image) + len(image) + -len(image) % 512
    (tmp_path / "raw").mkdir()
    twice = content[:ends] + content
    (tmp_path / "raw" / "ILSVRC2012_img_val.tar").write_bytes(twice)
    check_refused("imagenet2012", tmp_path / "raw", out, "_00000001.JPEG twice")


def test_paths_that_no_system_takes_are_told(tmp_path, out):
    check_refused("mnist", tmp_path / ("long" * 99), out, "File name too long")
    check_refused("mnist", pathlib.Path("~nobody-here/raw"), out, "does not exist")


def test_a_place_whose_name_is_no_text_is_told(digits, tmp_path):
    with pytest.raises(DataError, match=r"data_dir=.*udcff to be text in UTF-8"):
        prepare("mnist", digits, str(tmp_path / "\udcff"))


def test_what_happened_to_images_is_told(tmp_path, out):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying, file = picture(30, 40, seed=1), io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    files = {"1.png": file.getvalue(), "2.png": file.getvalue(), "notes.txt": b""}
    result = prepare("celeb_a", str(write_zip(tmp_path / "a.zip", files)), str(out))
    turned = "Images turned upright, as a tag in their files says: 2."
    left = "Left out, as their names are not those of images: 1 .txt."
    assert turned in result.notes and left in result.notes
    upright = lying.transpose(Image.Transpose.ROTATE_270)
    for example in written("celeb_a", out):
        shown = Image.open(io.BytesIO(example["image"]))
        np.testing.assert_array_equal(shown, upright)


def test_truncated_gzip_and_missing_files_are_refused(tmp_path, out):
    raw = tmp_path / "raw"
    raw_files.write_mnist(raw, train=5, test=2)
    path = raw / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    check_refused("mnist", raw, out, "cut off or no gzip file")
    path.unlink()
    check_refused("mnist", raw, out, "has no train-labels-idx1-ubyte")
    check_refused("mnist", tmp_path / "none", out, "none does not exist")


@pytest.mark.parametrize("packed", [False, True])
def test_cifar_round_trip_of_a_subset(tmp_path, out, packed):
    counts = {"data_batch_1.bin": 7, "data_batch_3.bin": 4, "test_batch.bin": 3}
    folder = tmp_path / "cifar-10-batches-bin"
    images = raw_files.write_cifar(folder, counts)
    raw = tmp_path
    if packed:
        raw = tmp_path / "cifar-10-binary.tar.gz"
        files = {f"{folder.name}/{n}": (folder / n).read_bytes() for n in counts}
        raw.write_bytes(tar(files, "w:gz"))
    result = prepare("cifar10", str(raw), str(out))
    assert result.counts == {"train": 11, "test": 3}
    assert result.notes[0] == "A subset: 11 of 50,000 train images."
    settings = Data(name="cifar10", image_size=32, directory=str(out))
    back, labels = load_images(open_source(settings), settings)
    order = {image.tobytes(): i for i, image in enumerate(images[:11])}
    found = [order[np.rint((b + 1) * 127.5).astype(np.uint8).tobytes()] for b in back]
    assert sorted(found) == list(range(11))
    expected = np.concatenate([np.arange(7), np.arange(4)])
    np.testing.assert_array_equal(labels, expected[found])
    names = builder("cifar10", out).info.features["label"].names
    assert names[0] == "airplane" and names[9] == "truck"


def test_damaged_cifar_is_refused(tmp_path, out):
    raw = tmp_path / "raw"
    raw_files.write_cifar(raw, {"data_batch_1.bin": 3})
    whole = (raw / "data_batch_1.bin").read_bytes()
    for content, message in [
        (whole[:-1], "data_batch_1.bin is cut off: 9,218 bytes"),
        (b"", "is cut off: 0 bytes"),
        (b"\x0a" + whole[1:], "labels 0..9 in .*, got 10"),
    ]:
        (raw / "data_batch_1.bin").write_bytes(content)
        check_refused("cifar10", raw, out, message)
    (raw / "data_batch_1.bin").unlink()
    check_refused("cifar10", raw, out, "has none of data_batch_1.bin")
    packed = tar({"a/data_batch_1.bin": whole}, "w:gz")
    (raw / "cifar-10-binary.tar.gz").write_bytes(packed[:-100])
    check_refused("cifar10", raw, out, "cut off or no tar archive")


@pytest.fixture
def faces() -> dict[str, bytes]:
    return {
        "a/000001.jpg": encoded(picture(218, 178, seed=1)),
        "a/000002.jpg": encoded(picture(218, 178, seed=2, mode="L")),
        "b/000003.PNG": encoded(picture(40, 60, seed=3), "PNG"),
        "b/000004.jpeg": encoded(picture(400, 300, seed=4)),
        "__MACOSX/a/._000001.jpg": b"resource fork",
        "notes.txt": b"",
    }


@pytest.mark.parametrize("zipped", [True, False])
def test_faces_are_kept_byte_by_byte_unless_large(tmp_path, out, faces, zipped):
    raw = tmp_path / "raw"
    for name, content in faces.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    raw = write_zip(tmp_path / "raw.zip", faces) if zipped else raw
    result = prepare("celeb_a", str(raw), str(out))
    assert result.counts == {"train": 4}
    back = written("celeb_a", out)
    images = {example["image"] for example in back}
    assert images > {faces["a/000001.jpg"], faces["b/000003.PNG"]}
    (large,) = images - set(faces.values())
    assert Image.open(io.BytesIO(large)).size == (256, 341)
    assert not any(example["attributes"]["Bald"] for example in back)
    settings = Data(name="celeb_a", image_size=64, directory=str(out))
    images, labels = load_images(open_source(settings), settings)
    assert images.shape == (4, 64, 64, 3) and set(labels) == {-1}


def test_original_faces_load_under_the_bare_standard_name(tmp_path, out, faces):
    raw = write_zip(tmp_path / "a.zip", {"1.jpg": faces["a/000001.jpg"]})
    prepare("celeb_a", str(raw), str(out))
    assert next(iter(loaded("celeb_a", out)))["image"].shape == (218, 178, 3)


def test_celeb_a_partition_is_respected(tmp_path, out, faces):
    names = ["000001.jpg", "000002.jpg", "000003.PNG", "000004.jpeg"]
    raw = write_zip(tmp_path / "faces.zip", faces)
    listed = tmp_path / "list_eval_partition.txt"
    listed.write_text("".join(f"{n} {i % 3}\n" for i, n in enumerate(names)))
    result = prepare("celeb_a", str(raw), str(out))
    assert result.counts == {"train": 2, "validation": 1, "test": 1}
    listed.write_text("000001.jpg 0\n")
    check_refused("celeb_a", raw, tmp_path / "other", "is not listed in .*list_eval")
    listed.write_text("000001.jpg nine\n")
    check_refused("celeb_a", raw, tmp_path / "other", "Expected lines such as")


def test_images_that_cannot_be_used_are_refused(tmp_path, out, faces):
    image = faces["a/000001.jpg"]
    for files, message in [
        ({"notes.txt": b""}, "has no files that end in .jpg, .jpeg"),
        (
            {"1.jpg": image, "2.jpg": b"GIF89a"},
            "2.jpg is no JPEG, PNG, WebP, BMP or TIFF",
        ),
        ({"1.jpg": image, "2.jpg": image[:-300]}, "2.jpg is a damaged image"),
        ({"1.png": faces["b/000003.PNG"][:-60]}, "1.png is a damaged image"),
    ]:
        raw = write_zip(tmp_path / "raw.zip", files)
        check_refused("celeb_a", raw, out, message)
    content = raw.read_bytes()
    raw.write_bytes(content[:-40])
    check_refused("celeb_a", raw, out, "neither a folder nor a whole zip or tar")
    raw = write_zip(tmp_path / "raw.zip", {"1.jpg": image})
    content = bytearray(raw.read_bytes())
    content[len(content) // 2] ^= 255
    raw.write_bytes(content)
    check_refused("celeb_a", raw, out, "1.jpg in .* is damaged: Bad CRC")
    (tmp_path / "empty").mkdir()
    check_refused("celeb_a", tmp_path / "empty", out, "has no files that end in .jpg")


@pytest.fixture
def photographs() -> dict[str, bytes]:
    return {
        f"{TENCH}_1.JPEG": encoded(picture(30, 40, seed=1)),
        f"{TENCH}_2.JPEG": encoded(picture(30, 40, seed=2, mode="L")),
        f"{WHALE}_1.JPEG": encoded(picture(30, 40, seed=3, mode="CMYK")),
    }


def check_photographs(out: pathlib.Path, photographs: dict[str, bytes]) -> None:
    back = written("imagenet2012", out)
    assert {e["file_name"].decode(): e["image"] for e in back} == photographs
    names = builder("imagenet2012", out).info.features["label"].names
    for example in back:
        assert example["file_name"].decode().startswith(names[example["label"]])
    settings = Data(name="imagenet2012", image_size=16, directory=str(out))
    images, _ = load_images(open_source(settings), settings)
    assert images.shape == (3, 16, 16, 3)


def test_imagenet_zip_round_trip(tmp_path, out, photographs):
    raw = write_zip(tmp_path / "raw.zip", photographs)
    assert prepare("imagenet2012", str(raw), str(out)).counts == {"train": 3}
    check_photographs(out, photographs)


def test_imagenet_folders_round_trip(tmp_path, out, photographs):
    for split in ["train", "val"]:
        for name, content in photographs.items():
            path = tmp_path / "raw" / split / name[:9] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    result = prepare("imagenet2012", str(tmp_path / "raw"), str(out))
    assert result.counts == {"train": 3, "validation": 3}
    check_photographs(out, photographs)


def write_tars(folder: pathlib.Path, photographs: dict[str, bytes]) -> None:
    classes = {
        f"{wordnet_id}.tar": tar(
            {n: c for n, c in photographs.items() if n.startswith(wordnet_id)}
        )
        for wordnet_id in [TENCH, WHALE]
    }
    folder.mkdir()
    (folder / "ILSVRC2012_img_train.tar").write_bytes(tar(classes))
    image = photographs[f"{TENCH}_1.JPEG"]
    files = {f"ILSVRC2012_val_{i:08d}.JPEG": image for i in [1, 50_000]}
    (folder / "ILSVRC2012_img_val.tar").write_bytes(tar(files))


def test_imagenet_tars_round_trip(tmp_path, out, photographs):
    raw = tmp_path / "raw"
    write_tars(raw, photographs)
    result = prepare("imagenet2012", str(raw), str(out))
    assert result.counts == {"train": 3, "validation": 2}
    check_photographs(out, photographs)
    names = builder("imagenet2012", out).info.features["label"].names
    labels = {names[e["label"]] for e in written("imagenet2012", out, "validation")}
    assert labels == {"n01751748", "n02437616"}  # of TFDS's list, first and last
    only = prepare(
        "imagenet2012", str(raw / "ILSVRC2012_img_val.tar"), str(tmp_path / "only")
    )
    assert only.counts == {"validation": 2}


@pytest.mark.parametrize("kept", [200, 512, 1024, 6144, 20_000])
def test_a_tar_that_is_cut_off_is_refused(tmp_path, out, photographs, kept):
    raw = tmp_path / "raw"
    write_tars(raw, photographs)
    path = raw / "ILSVRC2012_img_train.tar"
    assert kept < path.stat().st_size
    path.write_bytes(path.read_bytes()[:kept])
    check_refused("imagenet2012", raw, out, "is cut off or no tar archive")


def test_a_tar_that_ends_between_two_classes_is_refused(tmp_path, out, photographs):
    raw = tmp_path / "raw"
    write_tars(raw, photographs)
    path = raw / "ILSVRC2012_img_train.tar"
    with tarfile.open(path) as archive:
        second = archive.getmembers()[1].offset
    path.write_bytes(path.read_bytes()[:second])
    check_refused("imagenet2012", raw, out, "cut off .*unexpected end of data")


def test_unknown_classes_are_refused(tmp_path, out, photographs):
    image = photographs[f"{TENCH}_1.JPEG"]
    for name, message in [
        ("tench_1.JPEG", "tench_1.JPEG in .* has no class"),
        ("n99999999_1.JPEG", "n99999999_1.JPEG in .* is of no class of ImageNet"),
    ]:
        raw = write_zip(tmp_path / "raw.zip", {name: image})
        check_refused("imagenet2012", raw, out, message)


@pytest.fixture
def digits(tmp_path) -> str:
    raw_files.write_mnist(tmp_path / "raw", train=6, test=2)
    return str(tmp_path / "raw")


def test_a_dataset_that_is_there_is_kept_unless_told(tmp_path, digits, out):
    prepare("mnist", digits, str(out))
    raw_files.write_mnist(tmp_path / "raw", train=9, test=2)
    with pytest.raises(DataError, match="is there already: --overwrite replaces it"):
        prepare("mnist", digits, str(out))
    assert len(written("mnist", out)) == 6
    prepare("mnist", digits, str(out), overwrite=True)
    assert len(written("mnist", out)) == 9
    assert [path.name for path in out.iterdir()] == ["mnist"]


def test_a_failed_overwrite_keeps_what_is_there(tmp_path, digits, out):
    prepare("mnist", digits, str(out))
    (tmp_path / "raw" / "train-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError, match="train-labels"):
        prepare("mnist", digits, str(out), overwrite=True)
    assert len(written("mnist", out)) == 6


def test_unreadable_images_are_left_out_by_a_flag(tmp_path, out, faces):
    whole = faces["a/000001.jpg"]
    names = ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    raw = write_zip(
        tmp_path / "raw.zip",
        {name: whole[:-300] if name in ("2.jpg", "4.jpg") else whole for name in names},
    )
    check_refused("celeb_a", raw, out, r"2.jpg is .* --skip_unreadable leaves it out")
    result = prepare("celeb_a", str(raw), str(out), skip_unreadable=True)
    assert result.counts == {"train": 2}
    assert "Left out, as they cannot be read: 2 (2.jpg, 4.jpg)." in result.notes
    assert len(written("celeb_a", out)) == 2


def test_where_none_can_be_read_there_are_no_images(tmp_path, out, faces):
    raw = write_zip(tmp_path / "raw.zip", {"1.jpg": faces["a/000001.jpg"][:-300]})
    with pytest.raises(DataError, match="train in .* hold no images"):
        prepare("celeb_a", str(raw), str(out), skip_unreadable=True)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError("No space left")])
def test_an_interruption_leaves_nothing(tmp_path, out, faces, monkeypatch, stop):
    raw = write_zip(
        tmp_path / "raw.zip", {f"{i}.jpg": faces["a/000001.jpg"] for i in range(4)}
    )
    calls = []

    def interrupted(content, *_):
        calls.append(1)
        if len(calls) == 3:
            raise stop
        return content

    monkeypatch.setattr("ebm_tf.data.raw_images.upright", interrupted)
    with pytest.raises((KeyboardInterrupt, DataError)):
        prepare("celeb_a", str(raw), str(out))
    assert len(calls) == 3 and not out.exists()


def test_what_a_kill_left_is_told_and_never_read(digits, out):
    (out / ".preparing-x" / "mnist" / "3.0.1").mkdir(parents=True)
    result = prepare("mnist", digits, str(out))
    assert ".preparing-x is of a preparation that was killed" in result.notes[0]
    assert len(written("mnist", out)) == 6


def test_a_dry_run_writes_nothing(digits, out):
    result = prepare("mnist", digits, str(out), dry_run=True)
    assert result.counts == {"train": 6, "test": 2} and not out.exists()


def test_other_mistakes_are_told(tmp_path, digits, out):
    with pytest.raises(DataError, match="Unknown dataset 'digits': there are celeb_a"):
        prepare("digits", digits, str(out))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/out failed"):
        prepare("mnist", digits, str(tmp_path / "file" / "out"))


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/data")
def test_real_faces(out):
    result = prepare("celeb_a", str(REAL / "faces_56.zip"), str(out))
    assert result.counts == {"train": 56}
    settings = Data(name="celeb_a", image_size=32, directory=str(out))
    images, _ = load_images(open_source(settings), settings)
    assert images.shape == (56, 32, 32, 3) and images.std() > 0.3


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/data")
def test_real_cifar_images_keep_their_colours(out):
    raw = REAL / "cifar-10-batches-bin"
    result = prepare("cifar10", str(raw), str(out), dry_run=True)
    assert result.counts == {"train": 8380, "test": 1017}
