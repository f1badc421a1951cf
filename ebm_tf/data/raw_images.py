"""Raw image files, one at a time: in folders, zips and the tars of ImageNet 2012."""

import functools
import pathlib
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from ebm_tf.data import raw_lists
from ebm_tf.data.image_files import ENDINGS, upright
from ebm_tf.data.raw_folders import (
    MOST_BYTES,
    RawFiles,
    open_files,
    printable,
    raises_damaged,
)
from ebm_tf.errors import DataError

IMAGENET_TARS = {
    "train": "ILSVRC2012_img_train.tar",
    "validation": "ILSVRC2012_img_val.tar",
}


class RawImages(NamedTuple):
    """The image files of a folder or an archive.

    Attributes:
      files: all files there.
      names: of the images among them, sorted.
      read: name -> its upright image, or DataError; see `image_files.upright`.
      notes: what was left out.
      changes: counts what happened to pixels as images are read.
    """

    files: RawFiles
    names: list[str]
    read: Callable[[str], bytes]
    notes: list[str]
    changes: Counter[str]


def find_images(raw: pathlib.Path, short_side: int | None = None) -> RawImages:
    """Lists the image files of a folder, a zip or a tar, at any depth.

    Args:
      raw: the folder or the archive.
      short_side: to which larger images are scaled down.

    Raises:
      DataError: if there are none, an archive has one twice, or raw is none of them.
    """
    files = open_files(raw)
    seen = [name for name in files.names if not _is_hidden(name)]
    names = [name for name in seen if _ending(name) in ENDINGS]
    if not names:
        raise DataError(f"{raw} has no files that end in {', '.join(ENDINGS)}.")
    for name, following in zip(names, names[1:], strict=False):
        if name == following:
            raise DataError(f"{raw} has {name} twice: leave one of them out.")
    others = Counter(
        _ending(name) or "without an ending"
        for name in seen
        if _ending(name) not in ENDINGS
        and pathlib.PurePosixPath(name).name not in raw_lists.LISTS
    )
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in others.most_common(5))
    note = f"Left out, as their names are not those of images: {kinds}."
    changes: Counter[str] = Counter()

    def read(name: str) -> bytes:
        return upright(files.read(name), f"{raw}: {name}", changes, short_side)

    return RawImages(
        files, names, read, files.notes + ([note] if others else []), changes
    )


def imagenet_tar(
    split: str, path: pathlib.Path, changes: Counter[str]
) -> Iterator[tuple[str, Callable[[], bytes], str]]:
    """Yields (file name, upright image, WordNet id) of a tar of IMAGENET_TARS.

    Images are of functions, which raise DataError for those that cannot be read.

    Raises:
      DataError: if the tar is cut off or damaged, or its names are not the official
        ones.
    """
    with path.open("rb") as file:
        if split == "validation":
            for name, image in _tar_images(file, str(path), changes):
                yield name, image, _validation_class(name, path)
            return
        for class_tar, content in _walk_tar(file, str(path)):
            wordnet_id = raw_lists.class_in(class_tar, path)
            if wordnet_id is None:
                raise DataError(f"{path} has {class_tar}, not n01440764.tar and such.")
            origin = f"{path}: {class_tar}"
            for name, image in _tar_images(content, origin, changes):
                yield name, image, wordnet_id


def _tar_images(
    file: IO[bytes], origin: str, changes: Counter[str]
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for name, content in _walk_tar(file, origin):
        with raises_damaged(f"{name} in {origin} is damaged"):
            image = content.read(MOST_BYTES)
        yield name, functools.partial(upright, image, f"{origin}: {name}", changes)


def _validation_class(name: str, path: pathlib.Path) -> str:
    wordnet_id = raw_lists.official_class(name)
    if wordnet_id is None:
        raise DataError(f"{path} has {name}, not ILSVRC2012_val_00000001.JPEG ..")
    return wordnet_id


def _walk_tar(file: IO[bytes], origin: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yields (name, content) of the files in a plain tar, to be read at once."""
    with (
        raises_damaged(f"{origin} is cut off or no tar archive"),
        tarfile.open(fileobj=file, mode="r:") as tar,
    ):
        for member in tar:
            if (content := tar.extractfile(member)) is not None:
                yield printable(pathlib.PurePath(member.name).name), content
        # A whole tar ends with empty blocks; tarfile does not ask for them.
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("unexpected end of data")


def _is_hidden(name: str) -> bool:
    # macOS puts "._name.jpg" and "__MACOSX" beside what it packs.
    parts = pathlib.PurePosixPath(name).parts
    return any(part.startswith((".", "__MACOSX")) for part in parts)


def _ending(name: str) -> str:
    return pathlib.PurePosixPath(name).suffix.lower()
