"""Images of scripts and folders become arrays of one range, one size, with names."""

import io
import pathlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from ebm_tf import pixels
from ebm_tf.api.images import (
    as_images,
    open_images,
    png_names,
    read_images,
    save_images,
)
from ebm_tf.errors import DataError

GREY = np.arange(3 * 6 * 6, dtype=np.uint8).reshape(3, 6, 6, 1) * 2
COLOUR = np.random.default_rng(0).integers(0, 256, [3, 6, 6, 3], np.uint8)


def write(folder: pathlib.Path, images: np.ndarray, suffix: str = ".png") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        Image.fromarray(image.squeeze()).save(folder / f"{place}{suffix}")
    return str(folder)


@pytest.mark.parametrize("pixel_range", pixels.BOUNDS)
def test_floats_of_every_range_and_bytes_mean_the_same(pixel_range):
    low, high = pixels.BOUNDS[pixel_range]
    floats = low + (high - low) * GREY.astype(np.float32) / 255
    expected = GREY / 127.5 - 1
    np.testing.assert_allclose(as_images(floats, pixel_range), expected, atol=2e-6)
    np.testing.assert_allclose(as_images(GREY, pixel_range), expected, atol=1e-6)
    assert np.array_equal(pixels.to_bytes(as_images(floats, pixel_range)), GREY)
    back = pixels.to_range(as_images(floats, pixel_range), pixel_range)
    np.testing.assert_allclose(back, floats, atol=1e-6 * (high - low))


def test_images_in_the_range_of_this_program_are_not_touched():
    floats = np.array([[[[0.1], [-1.0]]]], np.float32)
    assert np.array_equal(as_images(floats, "-1..1"), floats)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.zeros([4, 4]),
            r"Expected images of the shape \[n, H, W, C\], got \[4, 4\]",
        ),
        (np.zeros([0, 4, 4, 1]), r"got \[0, 4, 4, 1\]"),
        (
            np.full([1, 2, 2, 1], 1.5),
            "in pixel_range='0..1', got values from 1.5 to 1.5",
        ),
        (np.full([1, 2, 2, 1], -0.5), "got values from -0.5 to -0.5"),
        (np.full([1, 2, 2, 1], np.nan), "got values from nan to nan"),
    ],
)
def test_what_is_no_image_is_told(images, message):
    with pytest.raises(DataError, match=message):
        as_images(images, "0..1")


def test_an_unknown_range_is_told():
    with pytest.raises(DataError, match="to be one of '-1..1', '0..1', '0..255'"):
        as_images(GREY, "0-1")  # pyright: ignore[reportArgumentType]


def test_a_folder_and_its_zip_are_read_by_name(tmp_path):
    folder = write(tmp_path / "in" / "deep", GREY)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(pathlib.Path(folder).iterdir()):
            file.write(path, f"deep/{path.name}")
    (tmp_path / "all.zip").write_bytes(archive.getvalue())
    for source in (tmp_path / "in", str(tmp_path / "all.zip")):
        found = open_images(source)
        assert list(found.names) == ["deep/0.png", "deep/1.png", "deep/2.png"]
        assert found.shape == (6, 6, 1) and len(found) == 3 and found.notes() == []
        assert np.array_equal(np.concatenate(list(found.parts(2))), GREY)


def test_colours_stay_and_are_turned_where_that_is_asked(tmp_path):
    folder = write(tmp_path, COLOUR)
    assert np.array_equal(read_images(folder), COLOUR)
    luma = COLOUR @ [0.2989, 0.587, 0.114]
    np.testing.assert_allclose(read_images(folder, channels=1)[..., 0], luma, atol=0.51)
    grey = write(tmp_path / "grey", GREY)
    assert np.array_equal(read_images(grey, channels=3), np.repeat(GREY, 3, -1))
    assert np.array_equal(read_images(grey, 6, 3), np.repeat(GREY, 3, -1))


def test_other_sizes_are_cropped_and_scaled_and_counted(tmp_path):
    folder = write(tmp_path, GREY)
    wide = np.zeros([6, 18], np.uint8)
    wide[:, 6:12] = 200
    Image.fromarray(wide).save(tmp_path / "3.bmp")
    with pytest.raises(DataError, match="3.bmp in .* is of 6x18 pixels and 1 channels"):
        read_images(folder)
    found = open_images(folder, image_size=6)
    assert np.array_equal(found.read(0, 4)[:3], GREY)
    assert np.array_equal(found.read(3, 4), np.full([1, 6, 6, 1], 200))
    assert found.notes() == ["Images cropped to their central square and scaled: 1."]


def test_files_that_cannot_be_read_are_named_together_and_left_out_by_a_flag(tmp_path):
    folder = write(tmp_path, GREY)
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:30])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.jpg").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        open_images(folder)
    message = str(caught.value)
    assert message.startswith(f"2 of 4 images in {folder} cannot be read: 0.png is ")
    assert "deep/x.jpg is no JPEG" in message and "\n" not in message
    assert message.endswith(". skip_unreadable=True leaves them out.")
    found = open_images(folder, skip_unreadable=True)
    assert list(found.names) == ["1.png", "2.png"]
    assert np.array_equal(found.read(0, 2), GREY[1:])
    assert found.notes() == ["Left out, as they cannot be read, 2: 0.png, deep/x.jpg."]
    for place in (1, 2):
        (tmp_path / f"{place}.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="None of the images in .* can be read"):
        read_images(folder, skip_unreadable=True)


def test_arrays_in_files_are_read(tmp_path):
    np.save(tmp_path / "it.npy", GREY)
    np.savez(tmp_path / "it.npz", images=COLOUR)
    np.savez(tmp_path / "theirs.npz", arr_0=COLOUR)
    np.savez(tmp_path / "other.npz", x=COLOUR)
    assert np.array_equal(read_images(tmp_path / "it.npy"), GREY)
    for name in ("it.npz", "theirs.npz"):
        assert np.array_equal(read_images(tmp_path / name), COLOUR)
    with pytest.raises(DataError, match="`images` or `arr_0` in .*, got x"):
        read_images(tmp_path / "other.npz")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="bad.npy is a damaged npy file"):
        read_images(tmp_path / "bad.npy")
    with pytest.raises(DataError, match="to be of 8x8 pixels and 1 channels, got 6x6"):
        open_images(GREY, image_size=8)


def test_what_is_saved_is_read_again(tmp_path):
    save_images(
        tmp_path / "out", GREY / 255.0, ["x/b.jpg", "c", "x/a"], pixel_range="0..1"
    )
    assert np.array_equal(read_images(tmp_path / "out"), GREY[[1, 2, 0]])
    save_images(tmp_path / "plain", COLOUR)
    assert (
        sorted(path.name for path in (tmp_path / "plain").iterdir())[0] == "00000.png"
    )
    with pytest.raises(DataError, match="Expected 3 names of images, got 1"):
        save_images(tmp_path / "out", GREY, ["a"])


def test_names_that_would_become_one_keep_their_endings():
    assert png_names(["a.jpg", "b/a.png", "a.png"]) == ["a.jpg", "b/a", "a.png"]
