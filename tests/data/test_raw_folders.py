"""Every photograph of a folder or a zip is taken, or it is told."""

import os
import pathlib
import zipfile

import pytest

from ebm_tf.data.raw_folders import open_files, printable
from ebm_tf.data.raw_images import find_images
from ebm_tf.errors import DataError
from tests.data.raw_files import encoded, picture, write_zip

IMAGE = encoded(picture(9, 8, seed=1))


def write(folder: pathlib.Path, *names: str) -> pathlib.Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(IMAGE)
    return folder


def test_links_to_files_and_folders_are_followed(tmp_path):
    write(tmp_path / "store", "a/1.jpg", "a/deep/2.jpg", "3.jpg")
    raw = write(tmp_path / "raw", "0.jpg")
    (raw / "linked").symlink_to(tmp_path / "store" / "a")
    (raw / "3.jpg").symlink_to("../store/3.jpg")
    found = find_images(raw)
    assert found.names == ["0.jpg", "3.jpg", "linked/1.jpg", "linked/deep/2.jpg"]
    assert all(found.read(name) == IMAGE for name in found.names)
    assert found.notes == []


def test_links_in_a_circle_end_and_lost_ones_are_counted(tmp_path):
    raw = write(tmp_path / "raw", "a/1.jpg", "b/2.jpg")
    (raw / "a" / "up").symlink_to(raw)
    (raw / "b" / "self.jpg").symlink_to(raw / "b" / "self.jpg")
    (raw / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(raw / "pipe.jpg")
    found = find_images(raw)
    assert found.names == ["a/1.jpg", "b/2.jpg"]
    assert found.notes == ["Left out, as links that lead nowhere or no plain files: 3."]


def test_all_endings_of_images_are_taken_and_others_counted(tmp_path):
    names = ["1.jpg", "2.JPEG", "3.jpe", "4.JFIF", "5.png", "6.WebP", "7.bmp"]
    names += ["8.tif", "9.TIFF", "folder.jpg/10.jpg"]
    raw = write(tmp_path, *names, "11", "12.gif", "a.heic", "b.heic", ".hidden.jpg")
    found = find_images(raw)
    assert found.names == sorted(names)
    assert found.notes == [
        "Left out, as their names are not those of images: 2 .heic, 1 without an "
        "ending, 1 .gif."
    ]


def test_names_that_are_no_utf8_are_taken(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9\n.jpg")).write_bytes(IMAGE)
    write(tmp_path, "Zoë.jpg")
    found = find_images(tmp_path)
    assert found.names == ["Zoë.jpg", "caf\\xe9\\n.jpg"]
    assert found.read("caf\\xe9\\n.jpg") == IMAGE


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a b/ü.jpg", "a b/ü.jpg"), ("\udcff\x1b[2J", "\\xff\\x1b[2J"), ("\r", "\\r")],
)
def test_names_can_be_printed(name, shown):
    assert printable(name) == shown
    shown.encode()


def test_names_of_windows_have_folders(tmp_path):
    raw = write_zip(tmp_path / "raw.zip", {"faces\\1.jpg": IMAGE})
    found = find_images(raw)
    assert found.names == ["faces/1.jpg"] and found.read("faces/1.jpg") == IMAGE


def test_a_name_twice_in_a_zip_is_told(tmp_path):
    path = tmp_path / "raw.zip"
    with (
        zipfile.ZipFile(path, "w") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        archive.writestr("1.jpg", IMAGE)
        archive.writestr("1.jpg", IMAGE)
    with pytest.raises(DataError, match="raw.zip has 1.jpg twice: leave one"):
        find_images(path)


def headers_changed(path: pathlib.Path, at: int, value: int) -> pathlib.Path:
    """Changes a number in both headers of a zip's only file; `at` in the local one."""
    content = bytearray(path.read_bytes())
    for start in (at, content.index(b"PK\x01\x02") + at + 2):
        content[start : start + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (6, 1, "1.jpg in .* is locked with a password: unpack it, and give"),
        (8, 9, "1.jpg in .* is packed by method 9, which Python cannot unpack: unpack"),
        (8, 93, "1.jpg in .* is packed by method 93"),
    ],
)
def test_zips_that_python_cannot_unpack_are_told(tmp_path, at, value, message):
    path = write_zip(tmp_path / "raw.zip", {"1.jpg": IMAGE})
    found = find_images(headers_changed(path, at, value))
    with pytest.raises(DataError, match=message):
        found.read("1.jpg")


def test_what_is_too_large_to_read_is_told(tmp_path):
    with (tmp_path / "1.jpg").open("wb") as file:
        file.truncate(2**31)  # of zeros that take no room
    with pytest.raises(DataError, match="1.jpg has 2,147,483,648 bytes"):
        find_images(tmp_path).read("1.jpg")


def test_links_in_a_zip_are_counted(tmp_path):
    path = tmp_path / "raw.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.jpg", IMAGE)
        link = zipfile.ZipInfo("2.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "1.jpg")
    notes = open_files(path).notes
    assert notes == ["Symbolic links in the zip, which are not followed: 1."]
