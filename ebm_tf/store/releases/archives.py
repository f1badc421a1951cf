"""Archives of releases: written alike every time, and read without trust.

An archive is a zip file that unpacks into a folder laid out like that of a run. Its
`card.json` lists the size and the SHA-256 of every other file in it.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import sha256_of

SUFFIX = ".zip"
CARD = "card.json"
MOST_CARD_BYTES = 4_000_000
# Networks at their start hold many equal numbers, learned ones do not.
MOST_EXPANSION = 100
SMALL_BYTES = 1_000_000

_PIECE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR = stat.S_IFREG | 0o644
# A word, or one in one folder. So no path is absolute, leads up or names a drive.
_MEMBER = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")

Card = dict[str, Any]


class BadArchiveError(WeightsError):
    """An archive that is not what it should be, so that it must be had anew."""


def is_name(name: str) -> bool:
    """Whether a release can have the name."""
    return _NAME.fullmatch(name) is not None


def described(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """The manifest of files: size and SHA-256 by name."""
    return {
        name: {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in sorted(files.items())
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip file of files; equal files make equal bytes with the same zlib."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.create_system = 3  # Unix, wherever it is made
            member.external_attr = _REGULAR << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
    return stream.getvalue()


def digest_of(path: str) -> str:
    """The SHA-256 of a local file.

    Raises:
      WeightsError: if it cannot be read.
    """
    with _told_as_damage(path):
        return sha256_of(path)


def read_card(path: str) -> Card:
    """The card in an archive, or in an unpacked release; no other file is looked at.

    Raises:
      WeightsError: if there is none, or the archive is none of a release.
    """
    if os.path.isdir(path):
        with _told_as_damage(path), open(os.path.join(path, CARD), "rb") as file:
            return _checked_card(file.read(), path)
    with _opened(path) as archive:
        return _card(archive, _members(archive, path), path)


def verified(path: str, folder: str | None = None) -> Card:
    """Checks every file of an archive against its card, and perhaps unpacks it.

    Args:
      path: of the archive.
      folder: a new folder that files are written into; none are if None. After an
        error it holds some of them.

    Returns:
      The card.

    Raises:
      WeightsError: if the archive is damaged, tampered with or malicious.
    """
    with _opened(path) as archive:
        members = _members(archive, path)
        card = _card(archive, members, path)
        listed = {CARD, *card["files"]}
        if listed != set(members):
            odd = sorted(listed ^ set(members))[0]
            raise _refusal(path, f"{odd} is not both in it and in its card")
        for name, facts in card["files"].items():
            if members[name].file_size != facts["bytes"]:
                raise _refusal(path, f"{name} has another size than its card says")
        for name, member in members.items():
            digest = _copied(archive, member, folder and os.path.join(folder, name))
            if name != CARD and digest != card["files"][name]["sha256"]:
                raise _refusal(path, f"{name} has another SHA-256 than its card says")
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
    card = read_card(folder)
    with _told_as_damage(folder):
        for odd in sorted(_nested(folder, card) - set(card["files"])):
            raise _refusal(folder, f"{odd} is not in its card")
        for name, facts in card["files"].items():
            path = os.path.join(folder, name)
            if not os.path.isfile(path):
                raise _refusal(folder, f"{name} is missing")
            if os.path.getsize(path) != facts["bytes"]:
                raise _refusal(folder, f"{name} has another size than its card says")
            if contents and digest_of(path) != facts["sha256"]:
                raise _refusal(folder, f"{name} has another SHA-256 than its card says")
    return card


def _nested(folder: str, card: Card) -> set[str]:
    """The files in those subfolders that a card names; hidden ones do not count."""
    subfolders = {os.path.dirname(name) for name in card["files"]} - {""}
    here = (
        f"{subfolder}/{name}"
        for subfolder in subfolders
        if os.path.isdir(os.path.join(folder, subfolder))
        for name in os.listdir(os.path.join(folder, subfolder))
    )
    return set(filter(_MEMBER.fullmatch, here))


def folder_files(folder: str) -> dict[str, bytes]:
    """The files of an unpacked release, as its card lists them; not yet checked.

    Raises:
      WeightsError: if one is missing.
    """
    names = [CARD, *read_card(folder)["files"]]
    with _told_as_damage(folder):
        return {name: pathlib.Path(folder, name).read_bytes() for name in sorted(names)}


def _copied(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str | None) -> str:
    """Reads a file to its end, and writes it where a path is given; its SHA-256."""
    digest = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(archive.open(member))
        target = None
        if path is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            target = stack.enter_context(open(path, "xb"))
        while piece := source.read(_PIECE):
            digest.update(piece)
            if target is not None:
                target.write(piece)
    return digest.hexdigest()


def _members(archive: zipfile.ZipFile, path: str) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by name, none of which could do harm."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        # What a name was before Python cut it at a zero byte.
        name = member.orig_filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if not _MEMBER.fullmatch(name):
            raise _refusal(path, f"it holds the path {name!r}")
        if kind not in (0, stat.S_IFREG):
            raise _refusal(path, f"{name} is no plain file")
        if member.flag_bits & 1:
            raise _refusal(path, f"{name} is encrypted")
        # Some file systems take no notice of case.
        if name.lower() in {other.lower() for other in members}:
            raise _refusal(path, f"it holds {name} twice")
        members[name] = member
    nested = {name.split("/")[0] for name in members if "/" in name}
    if odd := nested & set(members):
        raise _refusal(path, f"{odd.pop()} is a file and a folder")
    total = sum(member.file_size for member in members.values())
    if total > MOST_EXPANSION * os.path.getsize(path) + SMALL_BYTES:
        raise _refusal(path, f"it would grow to {total:,} bytes")
    return members


def _card(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], path: str
) -> Card:
    if CARD not in members:
        raise BadArchiveError(
            f"{path} is not the archive of a release: no {CARD} in it."
        )
    if members[CARD].file_size > MOST_CARD_BYTES:
        raise _refusal(path, f"its {CARD} is too long")
    return _checked_card(archive.read(members[CARD]), path)


def _checked_card(content: bytes, path: str) -> Card:
    try:
        card = json.loads(content)
        well_formed = (
            is_name(card["name"])
            and isinstance(card["figures"], list)
            and all(_MEMBER.fullmatch(name) for name in card["files"])
            and all(
                isinstance(facts["bytes"], int) and _DIGEST.fullmatch(facts["sha256"])
                for facts in card["files"].values()
            )
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        well_formed = False
    if not well_formed:
        raise _refusal(path, f"its {CARD} is not as this version writes it")
    return card


def _refusal(path: str, reason: str) -> BadArchiveError:
    return BadArchiveError(f"The release {path} is not whole: {reason}. Get it anew.")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[zipfile.ZipFile]:
    with _told_as_damage(path), zipfile.ZipFile(path) as archive:
        yield archive


@contextlib.contextmanager
def _told_as_damage(path: str) -> Iterator[None]:
    """Turns what reading a file that is damaged or not there raises into one line."""
    try:
        yield
    except FileNotFoundError as error:
        raise WeightsError(f"No release at {path}: {error.filename} is missing.") from (
            error
        )
    # What zipfile says of methods and flags that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _refusal(path, " ".join(str(error).split()).rstrip(".")) from error
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror or error}.") from error
