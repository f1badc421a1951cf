"""Images of a folder or an archive: pixels, classes, splits and order."""

import hashlib
import io
import os
import pathlib
import shutil

import numpy as np
import pytest
from PIL import Image

from ebm_tf.config.parts import Data
from ebm_tf.data import folders, image_index
from ebm_tf.data.datasets import open_source
from ebm_tf.data.own_places import Place, placed
from ebm_tf.data.pipelines import batches, describe_data, load_images, num_batches
from ebm_tf.data.sources import Source, require_classes
from ebm_tf.errors import DataError
from tests.data.raw_files import encoded, picture, tar, write_zip


def png(seed: int, height: int = 9, width: int = 7) -> bytes:
    return encoded(picture(height, width, seed=seed), "PNG")


@pytest.fixture
def raw(tmp_path) -> pathlib.Path:
    """Two classes, of 30 and 20 images of mixed sizes."""
    for i in range(50):
        path = (
            tmp_path / "photos" / ("cat" if i < 30 else "dog") / f"{i % 3}" / f"{i}.png"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(i, 9 + i % 4, 8 + i % 3))
    return tmp_path / "photos"


def data(path: object, **settings) -> Data:
    place = None if path is None else str(path)
    return Data(**{"name": "folder", "path": place, "image_size": 8} | settings)


def read(path: object, **settings) -> tuple[Source, np.ndarray, np.ndarray]:
    source = open_source(data(path, **settings))
    return source, *load_images(source, data(path, **settings))


@pytest.fixture(autouse=True)
def streams(monkeypatch) -> None:
    """Nothing is decoded before it is used, which is faster for few images."""
    monkeypatch.setattr(folders, "MOST_HELD_FILES", 0)


def decoded(source: Source) -> list[np.ndarray]:
    examples = source.in_order().map(source.decode)
    return [one["image"] for one in examples.as_numpy_iterator()]


@pytest.mark.parametrize("packed", [False, True])
def test_pixels_are_those_of_pillow(tmp_path, packed):
    """Every kind, also what TensorFlow cannot decode; lying ones are upright."""
    grey, colour = picture(9, 7, seed=1, mode="L"), picture(8, 11, seed=2)
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "grey.png": (grey, {}),
        "colour.png": (colour, {}),
        "colour.bmp": (colour, {}),
        "colour.tif": (colour, {}),
        "colour.webp": (colour, {"lossless": True}),
        "lying.PNG": (colour, {"exif": exif}),
        "palette.png": (colour.quantize(16), {}),
    }
    files, expected = {}, {}
    for name, (image, options) in kinds.items():
        file = io.BytesIO()
        kind = {"tif": "TIFF"}.get(name[-3:], name[-4:].strip(".").upper())
        image.save(file, kind, **options)
        files[name] = file.getvalue()
        shown = (
            image.transpose(Image.Transpose.ROTATE_270) if "exif" in options else image
        )
        expected[name] = np.asarray(shown.convert("RGB"))
    raw = tmp_path / "raw.zip"
    if packed:
        write_zip(raw, files)
    else:
        raw = tmp_path / "raw"
        raw.mkdir()
        for name, content in files.items():
            (raw / name).write_bytes(content)
    images = decoded(open_source(data(raw)))
    assert len(images) == len(kinds)
    for name, image in zip(in_order(expected), images, strict=True):
        np.testing.assert_array_equal(image, expected[name], err_msg=name)


def in_order(names) -> list[str]:
    return sorted(
        names, key=lambda n: hashlib.blake2b(n.encode(), digest_size=8).digest()
    )


def test_the_order_is_the_same_in_every_process(raw):
    assert in_order("abcdefgh") == list("efcahgbd")  # it depends on nothing else
    names = [p.relative_to(raw).as_posix() for p in raw.rglob("*.png")]
    _, images, labels = read(raw, image_size=4)
    expected = in_order(names)
    assert labels.tolist() == [int(name.startswith("dog")) for name in expected]
    lone = raw.parent / "lone"
    lone.mkdir()
    shutil.copy(raw / expected[17], lone)
    np.testing.assert_array_equal(read(lone, image_size=4)[1][0], images[17])


def test_archives_are_as_the_folder(raw, tmp_path):
    files = {f"photos/{p.relative_to(raw)}": p.read_bytes() for p in raw.rglob("*.png")}
    write_zip(tmp_path / "a.zip", files)
    (tmp_path / "a.tar").write_bytes(tar(files))
    (tmp_path / "a.tgz").write_bytes(
        tar({f"./{n}": c for n, c in files.items()}, "w:gz")
    )
    source, images, labels = read(raw, split="train[10%:]")
    for name in ("a.zip", "a.tar", "a.tgz"):
        other = open_source(data(tmp_path / name, split="train[10%:]"))
        assert other.digest(45) == source.digest(45) and other.classes == ("cat", "dog")
    _, its_images, its_labels = read(tmp_path / "a.tar", split="train[10%:]")
    np.testing.assert_array_equal(its_images, images)
    np.testing.assert_array_equal(its_labels, labels)


def test_held_images_are_the_streamed_ones_rounded(raw, monkeypatch):
    streamed, exact, its_labels = read(raw, channels=1)
    monkeypatch.setattr(folders, "MOST_HELD_FILES", 10**6)
    held, images, labels = read(raw, channels=1)
    assert held.one_size
    assert not streamed.one_size and streamed.digest(9) == held.digest(9)
    np.testing.assert_array_equal(labels, its_labels)
    assert 0 < np.abs(images - exact).max() < 1.0 / 255 + 1e-6


@pytest.mark.parametrize("crop", [False, True])
def test_an_epoch_has_every_image_once(raw, crop):
    settings = data(raw, random_crop=crop)
    source = open_source(settings)
    stream = batches(source, settings, batch=10, seed=3, with_index=True)
    epochs = [
        np.concatenate([next(stream)["index"].numpy() for _ in range(5)])
        for _ in range(2)
    ]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(50))
    assert not np.array_equal(epochs[0], epochs[1])
    again = batches(source, settings, batch=10, seed=3, start=7, with_index=True)
    np.testing.assert_array_equal(next(again)["index"], epochs[1][20:30])


def test_shares_are_disjoint_and_complete(raw):
    _, images, labels = read(raw)
    parts = [read(raw, split=split) for split in ("train[:33%]", "train[33%:]")]
    assert [len(part[1]) for part in parts] == [16, 34]
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), images)
    np.testing.assert_array_equal(np.concatenate([p[2] for p in parts]), labels)
    assert len(set(labels[:16])) == 2  # a share has some of all classes
    together = open_source(data(raw, split="train[:33%]+train[33%:]"))
    assert together.digest(50) == open_source(data(raw)).digest(50)


def test_folders_of_splits(tmp_path):
    for i, place in enumerate(("train/cat", "train/dog", "val/dog", "Test/cat")):
        (tmp_path / "raw" / place).mkdir(parents=True)
        for k in range(i + 1):
            (tmp_path / "raw" / place / f"{k}.png").write_bytes(png(10 * i + k))
    raw = tmp_path / "raw"
    counts = {"train": 3, "validation": 3, "val": 3, "test": 4, "all": 10}
    for split, count in counts.items():
        assert open_source(data(raw, split=split)).num_examples == count
    assert read(raw, split="val")[2].tolist() == [1, 1, 1]
    assert read(raw, split="test")[2].tolist() == [0] * 4
    with pytest.raises(DataError, match="no split 'dev': it has .*validation of 3"):
        open_source(data(raw, split="dev"))


@pytest.mark.parametrize(
    ("names", "places"),
    [
        ([""], [("train", None)]),
        (["photos/2021"], [("train", None)]),
        (["a", "b/c/d"], [("train", "a"), ("train", "b")]),
        (["", "a"], [("train", None), ("train", "a")]),
        (["x/a", "x/b"], [("train", "a"), ("train", "b")]),
        (["x/train/a", "x/val"], [("train", "a"), ("validation", None)]),
        (["train/x/a", "train/x/b"], [("train", "x"), ("train", "x")]),
        # A class may have the name of a split, beside others.
        (["plane", "train"], [("train", "plane"), ("train", "train")]),
    ],
)
def test_what_folders_say(names, places):
    assert placed(names) == {
        name: Place(*place) for name, place in zip(names, places, strict=True)
    }


def test_unreadable_files_are_named_and_counted(raw):
    for name in ("cat/0/0.png", "dog/1/40.png"):
        (raw / name).write_bytes((raw / name).read_bytes()[:40])
    (raw / "dog" / "x.jpg").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        open_source(data(raw))
    message = str(caught.value)
    assert message.startswith(f"3 of 51 images in {raw} cannot be read: ")
    for part in ("cat/0/0.png is", "dog/1/40.png is", "dog/x.jpg is no JPEG", "--set "):
        assert part in message
    assert "\n" not in message
    source, images, _ = read(raw, skip_unreadable=True)
    assert source.num_examples == len(images) == 48
    assert "cannot be read, 3: cat/0/0.png, dog/1/40.png, dog/x.jpg" in describe_data(
        source
    )


@pytest.fixture
def nothing_is_read(monkeypatch):
    def prevent():
        monkeypatch.setattr(image_index, "_facts", None)

    return prevent


def test_an_index_is_made_once(raw, nothing_is_read, monkeypatch):
    source = open_source(data(raw))
    nothing_is_read()
    monkeypatch.setattr(image_index, "MOST_LISTED", 10)
    monkeypatch.setattr(image_index, "find_images", None)
    again = open_source(data(raw, split="train[:20]"))
    assert again.digest(20) == source.digest(20)
    with pytest.raises(TypeError):  # a folder that has changed is listed
        (raw / "cat" / "new.png").write_bytes(png(99))
        open_source(data(raw))


def test_what_changes_is_read_again(raw, monkeypatch):
    before = open_source(data(raw)).digest(50)
    read_now, facts = [], image_index._facts
    monkeypatch.setattr(
        image_index, "_facts", lambda f, name: read_now.append(name) or facts(f, name)
    )
    for path in raw.rglob("*.png"):
        os.utime(path)  # other times alone are no other content
    assert open_source(data(raw)).digest(50) == before and len(read_now) == 50
    read_now.clear()
    (raw / "dog" / "0" / "33.png").write_bytes(png(77))
    assert open_source(data(raw)).digest(50) != before
    assert read_now == ["dog/0/33.png"]


def test_a_damaged_index_is_made_anew(raw, tmp_path, monkeypatch):
    monkeypatch.setenv(image_index.VARIABLE, str(tmp_path / "indexes"))
    before = open_source(data(raw)).digest(50)
    (file,) = (tmp_path / "indexes").iterdir()
    file.write_bytes(file.read_bytes()[:-200])
    assert open_source(data(raw)).digest(50) == before


def test_a_place_that_cannot_be_written_is_told(raw, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv(image_index.VARIABLE, str(tmp_path / "file" / "indexes"))
    source = open_source(data(raw))
    assert "index could not be kept" in describe_data(source)


def test_a_folder_that_moves_is_the_same(raw, tmp_path):
    before = open_source(data(raw)).digest(50)
    shutil.move(raw, tmp_path / "elsewhere")
    assert open_source(data(tmp_path / "elsewhere")).digest(50) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": None}, "Expected data.path .* --set data.path=PLACE"),
        ({"path": "nowhere"}, "nowhere does not exist"),
        ({"path": "gs://bucket/photos"}, "on a local disk"),
        ({"split": "test"}, "no split 'test': it has train of 50 images"),
        ({"split": "train[50:]"}, "has no images"),
        ({"split": "train[a:]"}, r"Expected \[a:\] as a slice"),
        ({"name": "digits"}, "no data.path where data.name='digits'"),
        ({"name": "foldr", "path": None}, "did you mean folder"),
    ],
)
def test_mistakes_are_told(raw, settings, message):
    with pytest.raises(DataError, match=message) as caught:
        open_source(data(**{"path": raw} | settings))
    assert "\n" not in str(caught.value)


def test_a_folder_without_images_is_told(tmp_path):
    with pytest.raises(DataError, match="has no files that end in .jpg"):
        open_source(data(tmp_path))
    (tmp_path / "text.zip").write_bytes(b"text")
    with pytest.raises(DataError, match="neither a folder nor a whole zip or tar"):
        open_source(data(tmp_path / "text.zip"))


def test_classes_that_are_needed(raw, tmp_path):
    source, _, labels = read(raw)
    require_classes(labels, 2, source, setting="classifier.num_classes")
    with pytest.raises(DataError, match="2 classes, cat, dog, .*num_classes=2"):
        require_classes(labels, 10, source, setting="classifier.num_classes")
    source, _, labels = read(raw / "cat" / "0")
    with pytest.raises(DataError, match="no labels, .* sub-folders"):
        require_classes(labels, 2, source, setting="classifier.num_classes")
    (raw.parent / "one" / "lonely").mkdir(parents=True)
    for path in ("one/0.png", "one/lonely/1.png"):
        (raw.parent / path).write_bytes(png(3))
    source, _, labels = read(raw.parent / "one")
    with pytest.raises(DataError, match="has one class, lonely"):
        require_classes(labels, 2, source, setting="classifier.num_classes")


def test_fewer_images_than_a_batch(raw):
    with pytest.raises(DataError, match="has 50 examples, fewer than one batch=64"):
        num_batches(open_source(data(raw)), 64)


def test_a_file_that_goes_away_is_told(raw):
    settings = data(raw)
    source = open_source(settings)
    shutil.rmtree(raw)
    with pytest.raises(
        DataError, match="folder photos in .* is damaged: remove "
    ) as caught:
        load_images(source, settings)
    assert "\n" not in str(caught.value)


def test_what_is_done_to_sizes_is_told(raw):
    line = describe_data(open_source(data(raw)))
    assert "2 classes: cat, dog; sides of 8 to 12 pixels: the central square" in line
    line = describe_data(open_source(data(raw, image_size=10)))
    grown = sum(min(9 + i % 4, 8 + i % 3) < 10 for i in range(50))
    assert f"becomes 10x10, {grown} of them enlarged" in line
