"""The files of a folder, a zip or a tar, by names that can be printed and written."""

import os
import pathlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ebm_tf.errors import DataError, UserError

MOST_BYTES = 2**31  # of one file that is read into memory
_LOCKED = 1  # the flag of a zip's file that needs a password


class RawFiles(NamedTuple):
    """The files at any depth of a folder or an archive.

    Attributes:
      origin: the folder or the archive.
      names: sorted, relative to it, with slashes; an archive may have one twice.
      read: name -> its content, or DataError.
      notes: what was left out.
      stamp: name -> (bytes, another number); a file that has changed has others.
      places: all folders that were looked into, or the archive.
    """

    origin: pathlib.Path
    names: list[str]
    read: Callable[[str], bytes]
    notes: list[str]
    stamp: Callable[[str], tuple[int, int]]
    places: list[pathlib.Path]


@contextmanager
def raises_damaged(problem: str) -> Iterator[None]:
    """Turns whatever readers raise for damaged files into a message of the problem.

    Only calls of libraries stand in it: they fail in too many ways to list.

    Raises:
      DataError: in place of it.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise DataError(f"{problem}: {reason_of(error)}.") from None


def reason_of(error: Exception) -> str:
    """The message of a library about a damaged file, as a part of one line."""
    return printable(" ".join(str(error).split()))[:200] or type(error).__name__


def printable(name: str) -> str:
    r"""A name with escapes such as \xff for what is no UTF-8 or moves the cursor."""
    if name.isprintable():
        return name
    shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    escaped = (c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return "".join(escaped)


def open_files(raw: pathlib.Path) -> RawFiles:
    """Lists the files of a folder, links followed, of a zip or of a tar.

    Raises:
      DataError: if it is none of them, or cannot be read.
    """
    if raw.is_dir():
        return _of_folder(raw)
    with raises_damaged(f"{raw} cannot be read"):
        is_tar = not zipfile.is_zipfile(raw) and tarfile.is_tarfile(raw)
    return _of_tar(raw) if is_tar else _of_zip(raw)


def read_path(path: pathlib.Path) -> bytes:
    """The content of a file.

    Raises:
      DataError: if it cannot be read, or is too large for that.
    """
    with raises_damaged(f"{path} cannot be read"):
        _require_size(path.stat().st_size, str(path))
        return path.read_bytes()


def _require_size(size: int, origin: str) -> None:
    """Checks that a file is one that can be read into memory.

    Raises:
      DataError: if it has 2 GiB or more.
    """
    if size >= MOST_BYTES:
        raise DataError(
            f"{origin} has {size:,} bytes: files of {MOST_BYTES:,} and more are not "
            "read."
        )


def _of_folder(raw: pathlib.Path) -> RawFiles:
    paths, lost = {}, 0
    places: list[pathlib.Path] = []
    for path, is_file in _walk(raw, places):
        if is_file:
            paths[printable(path.relative_to(raw).as_posix())] = path
        lost += not is_file
    notes = [f"Left out, as links that lead nowhere or no plain files: {lost:,}."]
    return RawFiles(
        raw,
        sorted(paths),
        lambda name: read_path(paths[name]),
        notes if lost else [],
        lambda name: stamp_of(paths[name]),
        places,
    )


def stamp_of(path: pathlib.Path) -> tuple[int, int]:
    """The size of a file, and when it was written.

    Raises:
      DataError: if it is gone.
    """
    with raises_damaged(f"{path} cannot be read"):
        facts = path.stat()
        return facts.st_size, facts.st_mtime_ns


def _walk(
    folder: pathlib.Path, places: list[pathlib.Path]
) -> Iterator[tuple[pathlib.Path, bool]]:
    """Everything below that is no folder, and whether it is a file, links followed.

    Folders are added to the places.
    """
    waiting = [(folder, frozenset[tuple[int, int]]())]
    while waiting:
        place, above = waiting.pop()
        with raises_damaged(f"The folder {place} cannot be read"):
            facts = place.stat()
            identity = (facts.st_dev, facts.st_ino)
            entries = list(os.scandir(place))
        if identity in above:  # a link to a folder that it lies in
            continue
        places.append(place)
        for entry in entries:
            is_folder, is_file = _kind(entry)
            if is_folder:
                waiting.append((pathlib.Path(entry.path), above | {identity}))
            else:
                yield pathlib.Path(entry.path), is_file


def _kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """Whether it is a folder, and whether it is a plain file."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError:  # a link to itself
        return False, False


def _of_zip(raw: pathlib.Path) -> RawFiles:
    if not zipfile.is_zipfile(raw):
        raise DataError(f"{raw} is neither a folder nor a whole zip or tar file.")
    with raises_damaged(f"{raw} is a damaged zip file"):
        archive = zipfile.ZipFile(raw)  # open as long as it is read from
    # Programs of Windows write names with backslashes.
    members = [
        (printable(info.filename.replace("\\", "/")), info)
        for info in archive.infolist()
        if not info.is_dir()
    ]
    infos = dict(members)
    links = sum(stat.S_ISLNK(info.external_attr >> 16) for _, info in members)
    notes = [f"Symbolic links in the zip, which are not followed: {links:,}."]
    return RawFiles(
        raw,
        sorted(name for name, _ in members),
        lambda name: _unzip(archive, infos[name], name),
        notes if links else [],
        lambda name: (infos[name].file_size, infos[name].CRC),
        [raw],
    )


def _of_tar(raw: pathlib.Path) -> RawFiles:
    """Files of a plain tar are read where they lie, others are held in memory."""
    try:
        with tarfile.open(raw, "r:") as tar:
            members = list(tar)
    except tarfile.ReadError:  # it is compressed, or cut off
        return _of_packed_tar(raw)
    plain = [member for member in members if member.isfile() and not member.issparse()]
    infos = {printable(member.name.removeprefix("./")): member for member in plain}

    def read(name: str) -> bytes:
        info = infos[name]
        _require_size(info.size, f"{name} in {raw}")
        with raises_damaged(f"{name} in {raw} cannot be read"), raw.open("rb") as file:
            file.seek(info.offset_data)
            return file.read(info.size)

    left = len([member for member in members if not member.isdir()]) - len(plain)
    notes = [f"Links and the like in the tar, which are not followed: {left:,}."]
    return RawFiles(
        raw,
        sorted(printable(member.name.removeprefix("./")) for member in plain),
        read,
        notes if left else [],
        lambda name: (infos[name].size, int(infos[name].mtime)),
        [raw],
    )


def _of_packed_tar(raw: pathlib.Path) -> RawFiles:
    contents: dict[str, bytes] = {}
    total = 0
    with raises_damaged(f"{raw} is a damaged tar file"), tarfile.open(raw) as tar:
        for member in tar:
            if not member.isfile():
                continue
            total += member.size
            if total >= MOST_BYTES:
                raise DataError(
                    f"{raw} is compressed and holds more than {MOST_BYTES:,} bytes: "
                    "unpack it, and give the folder."
                )
            file = tar.extractfile(member)
            name = printable(member.name.removeprefix("./"))
            contents[name] = file.read() if file else b""
    return RawFiles(
        raw,
        sorted(contents),
        contents.__getitem__,
        [],
        lambda name: (len(contents[name]), zlib.crc32(contents[name])),
        [raw],
    )


def _unzip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    origin = f"{name} in {archive.filename}"
    if info.flag_bits & _LOCKED:
        raise DataError(
            f"{origin} is locked with a password: unpack it, and give the folder."
        )
    _require_size(info.file_size, origin)
    with raises_damaged(f"{origin} is damaged"):
        try:
            return archive.read(info)
        except NotImplementedError:
            raise DataError(
                f"{origin} is packed by method {info.compress_type}, which Python "
                "cannot unpack: unpack it, and give the folder."
            ) from None
