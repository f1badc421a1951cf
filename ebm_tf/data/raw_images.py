"""Image files in folders, zips and ImageNet's tars, one at a time."""

import io
import pathlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from PIL import Image, UnidentifiedImageError

from ebm_tf.errors import DataError

_SUFFIXES = {".jpg", ".jpeg", ".png"}


class Images(NamedTuple):
    """Image files that are read when asked for.

    Attributes:
      names: paths relative to the folder or within the zip, sorted.
      read: name -> the file's bytes.
    """

    names: list[str]
    read: Callable[[str], bytes]


def find_images(raw: pathlib.Path) -> Images:
    """Lists the JPEG and PNG files of a folder or of a zip, at any depth.

    Raises:
      DataError: if there are none, or raw is neither.
    """
    if raw.is_dir():
        names = [path.relative_to(raw).as_posix() for path in raw.rglob("*")]
        images = Images(_images_among(names), lambda name: (raw / name).read_bytes())
    elif zipfile.is_zipfile(raw):
        archive = zipfile.ZipFile(raw)  # open as long as it is read from
        images = Images(
            _images_among(archive.namelist()), lambda name: _unzip(archive, name)
        )
    else:
        raise DataError(f"{raw} is neither a folder nor a whole zip file.")
    if not images.names:
        raise DataError(f"{raw} has no .jpg, .jpeg or .png files.")
    return images


def check_image(content: bytes, origin: str) -> tuple[int, int]:
    """Decodes an image far enough to know that it is whole.

    Returns:
      Its width and height.

    Raises:
      DataError: if it is no JPEG or PNG image, or cut off.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as image:
            size = image.size
            # A JPEG's coefficients are all read, but an eighth of the size computed.
            image.draft(None, (size[0] // 8, size[1] // 8))
            image.load()
    except UnidentifiedImageError:
        raise DataError(f"{origin} is no JPEG or PNG image.") from None
    # Pillow raises these and others for what it finds in damaged files.
    except (OSError, SyntaxError, ValueError, zlib.error) as error:
        raise DataError(f"{origin} is a damaged image: {error}.") from None
    return size


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


def walk_tar(file: IO[bytes], origin: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yields (name, content) of the files in an uncompressed tar, to be read at once.

    Raises:
      DataError: if the tar is cut off, damaged or none.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is not None:
                    yield pathlib.PurePath(member.name).name, content
            # A whole tar ends with empty blocks; tarfile does not ask for them.
            file.seek(tar.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("unexpected end of data")
    except tarfile.TarError as error:
        raise DataError(f"{origin} is cut off or no tar archive: {error}.") from None


def _images_among(names: list[str]) -> list[str]:
    def wanted(name: str) -> bool:
        path = pathlib.PurePosixPath(name)
        # macOS puts "._name.jpg" and "__MACOSX" beside what it packs.
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
        return path.suffix.lower() in _SUFFIXES and not hidden

    return sorted(filter(wanted, names))


def _unzip(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{name} in {archive.filename} is damaged: {error}.") from None
