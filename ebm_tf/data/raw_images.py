"""Raw image files, one at a time: in folders, zips and the tars of ImageNet 2012."""

import functools
import io
import pathlib
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

import tensorflow_datasets as tfds
from PIL import Image, UnidentifiedImageError
from scipy.io.matlab import MatReadError

from ebm_tf.errors import DataError

# What Pillow, NumPy, SciPy and archives raise for what they find in damaged files.
DAMAGED = (
    EOFError,
    IndexError,
    MatReadError,
    NotImplementedError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
_SUFFIXES = {".jpg", ".jpeg", ".png"}
IMAGENET_TARS = {
    "train": "ILSVRC2012_img_train.tar",
    "validation": "ILSVRC2012_img_val.tar",
}
_WORDNET_ID = re.compile(r"n\d{8}")
_VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


@contextmanager
def raises_damaged(problem: str) -> Iterator[None]:
    """Turns what readers raise for damaged files into a message of the problem.

    Raises:
      DataError: in place of it.
    """
    try:
        yield
    except DAMAGED as error:
        raise DataError(f"{problem}: {error}.") from None


def find_images(raw: pathlib.Path) -> tuple[list[str], Callable[[str], bytes]]:
    """Lists the JPEG and PNG files of a folder or of a zip, at any depth.

    Returns:
      Their sorted paths, relative to the folder or within the zip; and what reads the
      bytes at a path, and raises DataError if they are no whole image.

    Raises:
      DataError: if there are none, or raw is neither.
    """
    if raw.is_dir():
        names = [path.relative_to(raw).as_posix() for path in raw.rglob("*")]
        read = lambda name: (raw / name).read_bytes()  # noqa: E731
    elif zipfile.is_zipfile(raw):
        archive = zipfile.ZipFile(raw)  # open as long as it is read from
        names, read = archive.namelist(), functools.partial(_unzip, archive)
    else:
        raise DataError(f"{raw} is neither a folder nor a whole zip file.")
    if not (wanted := sorted(filter(_is_image, names))):
        raise DataError(f"{raw} has no .jpg, .jpeg or .png files.")
    return wanted, lambda name: checked_image(read(name), f"{raw}: {name}")


def checked_image(content: bytes, origin: str) -> bytes:
    """The content of an image file, decoded far enough to know that it is whole.

    Raises:
      DataError: if it is no JPEG or PNG image, or cut off.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as image:
            # A JPEG's coefficients are all read, but an eighth of the size computed.
            image.draft(None, (image.width // 8, image.height // 8))
            image.load()
    except UnidentifiedImageError:
        raise DataError(f"{origin} is no JPEG or PNG image.") from None
    except DAMAGED as error:
        raise DataError(f"{origin} is a damaged image: {error}.") from None
    return content


def shrink(content: bytes, short_side: int) -> bytes:
    """Scales an image down to a short side, as JPEG; smaller ones stay as they are."""
    with Image.open(io.BytesIO(content)) as image:
        ratio = short_side / min(image.size)
        if ratio >= 1.0:
            return content
        size = (round(image.width * ratio), round(image.height * ratio))
        smaller = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    smaller.save(encoded, "JPEG", quality=95)
    return encoded.getvalue()


def imagenet_tar(split: str, path: pathlib.Path) -> Iterator[tuple[str, bytes, str]]:
    """Yields (file name, bytes, WordNet id) of a tar of IMAGENET_TARS as it is read.

    Raises:
      DataError: if the tar is cut off or damaged, or its names are not the official
        ones.
    """
    with path.open("rb") as file:
        if split == "validation":
            for name, image in _tar_images(file, str(path)):
                yield name, image, _validation_id(name, path)
            return
        for class_tar, content in _walk_tar(file, str(path)):
            wordnet_id = wordnet_id_of(class_tar, path)
            for name, image in _tar_images(content, f"{path}: {class_tar}"):
                yield name, image, wordnet_id


def _tar_images(file: IO[bytes], origin: str) -> Iterator[tuple[str, bytes]]:
    for name, content in _walk_tar(file, origin):
        yield name, checked_image(content.read(), f"{origin}: {name}")


def _validation_id(name: str, path: pathlib.Path) -> str:
    wordnet_ids = _tfds_list("validation_labels.txt")
    match = _VALIDATION_NAME.fullmatch(name)
    if match is None or not 1 <= int(match[1]) <= len(wordnet_ids):
        raise DataError(f"{path} has {name}, not ILSVRC2012_val_00000001.JPEG ..")
    return wordnet_ids[int(match[1]) - 1]


def wordnet_id_of(name: str, origin: pathlib.Path) -> str:
    """Reads n01440764 from "n01440764_tench.JPEG" or "n01440764/1.JPEG".

    Raises:
      DataError: if it is not there, or none of the thousand classes.
    """
    for part in reversed(pathlib.PurePosixPath(name).parts):
        if match := _WORDNET_ID.match(part):
            if match.group() not in _tfds_list("labels.txt"):
                raise DataError(f"{name} in {origin} is of no class of ImageNet 2012.")
            return match.group()
    raise DataError(
        f"{name} in {origin} has no class: expected a file name or a folder that "
        "begins with a WordNet id such as n01440764."
    )


@functools.cache
def _tfds_list(name: str) -> list[str]:
    return tfds.core.tfds_path(f"datasets/imagenet2012/{name}").read_text().split()


def _walk_tar(file: IO[bytes], origin: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yields (name, content) of the files in a plain tar, to be read at once."""
    with (
        raises_damaged(f"{origin} is cut off or no tar archive"),
        tarfile.open(fileobj=file, mode="r:") as tar,
    ):
        for member in tar:
            if (content := tar.extractfile(member)) is not None:
                yield pathlib.PurePath(member.name).name, content
        # A whole tar ends with empty blocks; tarfile does not ask for them.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")


def _is_image(name: str) -> bool:
    path = pathlib.PurePosixPath(name)
    # macOS puts "._name.jpg" and "__MACOSX" beside what it packs.
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in _SUFFIXES and not hidden


def _unzip(archive: zipfile.ZipFile, name: str) -> bytes:
    with raises_damaged(f"{name} in {archive.filename} is damaged"):
        return archive.read(name)
