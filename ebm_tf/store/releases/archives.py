"""Archives of releases: written reproducibly, and read without trust.

An archive is a zip file that unpacks into a folder laid out like that of a run. Its
`card.json` lists the size and the SHA-256 of every other file in it.
"""

import contextlib
import hashlib
import io
import os
import pathlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ebm_tf.config.fid import name_now
from ebm_tf.errors import WeightsError
from ebm_tf.runtime.bounded_json import json_of

SUFFIX = ".zip"
CARD = "card.json"
MOST_CARD_BYTES = 4_000_000
# Networks at initialisation hold many equal numbers, trained ones do not.
MOST_EXPANSION = 100
SMALL_BYTES = 1_000_000

_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR = stat.S_IFREG | 0o644
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
# A name, or one in one folder. So no path is absolute, leads up or names a drive.
_MEMBER = re.compile(rf"{_NAME.pattern}(/{_NAME.pattern})?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")

Card = dict[str, Any]
_Digest = Callable[[str], str]


class BadArchiveError(WeightsError):
    """An archive that is damaged or another one, so that it must be fetched again."""


def is_name(name: str) -> bool:
    """Whether a release, or a file in it, can have the name."""
    return _NAME.fullmatch(name) is not None


def manifest(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """The size and the SHA-256 of files, by name."""
    return {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(files.items())
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip file of files; equal files make equal bytes with the same zlib."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3  # Unix, on any system
            member.external_attr = _REGULAR << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def digest_of(path: str) -> str:
    """The SHA-256 of a local file.

    Raises:
      WeightsError: if it cannot be read.
    """
    with _raises_weights_error(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_files(card: Card) -> list[str]:
    """The files of a release that reading or using it as a run could execute."""
    code = re.compile(r"own/.*|.*\.py", re.IGNORECASE)
    return sorted(filter(code.fullmatch, card["files"]))


def read_card(path: str) -> Card:
    """The card in an archive, or in an unpacked release; no other file is read.

    Raises:
      WeightsError: if there is none, or the archive is not that of a release.
    """
    with _raises_weights_error(path):
        if os.path.isdir(path):
            return _card(pathlib.Path(path, CARD).read_bytes(), path)
        with zipfile.ZipFile(path) as archive:
            _members(archive, path)
            return _card(archive.read(CARD), path)


def verified(path: str, folder: str | None = None) -> Card:
    """Checks every file of an archive against its card, and unpacks it if asked to.

    Args:
      path: of the archive.
      folder: a new folder that files are written into; none are if None. After an
        error it holds some of them.

    Returns:
      The card.

    Raises:
      WeightsError: if the archive is damaged, tampered with or malicious.
    """
    with _raises_weights_error(path), zipfile.ZipFile(path) as archive:
        members = _members(archive, path)
        card = _card(archive.read(CARD), path)
        sizes = {name: m.file_size for name, m in members.items() if name != CARD}
        _compare(path, card, sizes, lambda name: _read(archive, name, folder))
        _read(archive, CARD, folder)
    return card


def verified_folder(folder: str, *, contents: bool = True) -> Card:
    """Checks the files of an unpacked release against its card.

    Args:
      folder: of the release; beside its subfolders it may hold other files.
      contents: whether their SHA-256 are checked, or names and sizes only.

    Returns:
      The card.

    Raises:
      WeightsError: if a file is missing, another one, or one too many.
    """
    card, root = read_card(folder), pathlib.Path(folder)
    with _raises_weights_error(folder):
        # In subfolders nothing else may lie; hidden files do not count.
        subfolders = {os.path.dirname(name) for name in card["files"]} - {""}
        paths = [path for sub in subfolders for path in (root / sub).glob("*")]
        nested = {path.relative_to(root).as_posix() for path in paths}
        names = {*filter(_MEMBER.fullmatch, nested), *card["files"]}
        files = [root / name for name in names if (root / name).is_file()]
        sizes = {p.relative_to(root).as_posix(): p.stat().st_size for p in files}
        digest = (lambda name: digest_of(str(root / name))) if contents else None
        _compare(folder, card, sizes, digest)
    return card


def _compare(
    path: str, card: Card, sizes: Mapping[str, int], digest: _Digest | None
) -> None:
    listed = card["files"]
    for odd in sorted(set(sizes) - set(listed)):
        raise _damaged(path, f"{odd} is not in its card")
    for name, facts in listed.items():
        if name not in sizes:
            raise _damaged(path, f"{name} is missing")
        if sizes[name] != facts["bytes"]:
            raise _damaged(path, f"{name} has another size than its card says")
        if digest and digest(name) != facts["sha256"]:
            raise _damaged(path, f"{name} has another SHA-256 than its card says")


def folder_files(folder: str) -> dict[str, bytes]:
    """The files of an unpacked release, as its card lists them; not yet checked.

    Raises:
      WeightsError: if one is missing.
    """
    names = [CARD, *read_card(folder)["files"]]
    with _raises_weights_error(folder):
        return {name: pathlib.Path(folder, name).read_bytes() for name in names}


def _read(archive: zipfile.ZipFile, name: str, folder: str | None) -> str:
    """Reads a file in chunks, writes it where a folder is given; its SHA-256."""
    digest, path = hashlib.sha256(), os.path.join(folder or "", name)
    if folder:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with archive.open(name) as source, open(path if folder else os.devnull, "wb") as to:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            to.write(chunk)
    return digest.hexdigest()


def _members(archive: zipfile.ZipFile, path: str) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by name, none of which could do harm."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        # The name before Python cut it at a zero byte.
        name = member.orig_filename
        if not _MEMBER.fullmatch(name):
            raise _damaged(path, f"it holds the path {name!r}")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _damaged(path, f"{name} is no plain file")
        if member.flag_bits & 1:
            raise _damaged(path, f"{name} is encrypted")
        # Some file systems ignore case.
        if name.lower() in {other.lower() for other in members}:
            raise _damaged(path, f"it holds {name} twice")
        members[name] = member
    if odd := {name.split("/")[0] for name in members if "/" in name} & set(members):
        raise _damaged(path, f"{odd.pop()} is a file and a folder")
    if CARD not in members:
        raise BadArchiveError(f"{path} is not the archive of a release: no {CARD}.")
    if members[CARD].file_size > MOST_CARD_BYTES:
        raise _damaged(path, f"its {CARD} is too long")
    total = sum(member.file_size for member in members.values())
    if total > MOST_EXPANSION * os.path.getsize(path) + SMALL_BYTES:
        raise _damaged(path, f"it would expand to {total:,} bytes")
    return members


def _card(content: bytes, path: str) -> Card:
    try:
        card = json_of(content)
        well_formed = (
            is_name(card["name"])
            and isinstance(card["figures"], list)
            and all(
                _MEMBER.fullmatch(name)
                and isinstance(facts["bytes"], int)
                and _DIGEST.fullmatch(facts["sha256"])
                for name, facts in card["files"].items()
            )
        )
        card["figures"] = [
            figure | {"metric": name_now(figure["metric"], figure.get("features"))}
            for figure in card["figures"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        well_formed = False
    if not well_formed:
        raise _damaged(path, f"its {CARD} is not as this version writes it")
    return card


def _damaged(path: str, reason: str) -> BadArchiveError:
    return BadArchiveError(f"The release {path} is damaged: {reason}. Get it again.")


@contextlib.contextmanager
def _raises_weights_error(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(
            f"No release at {path}: {error.filename} is missing."
        ) from error
    # zipfile raises NotImplementedError for unknown methods and flags.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _damaged(path, " ".join(str(error).split()).rstrip(".")) from error
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}.") from error
