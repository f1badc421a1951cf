"""A folder of archives of releases, and the file that lists them."""

import contextlib
import difflib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import new_stage
from ebm_tf.store.releases import installed as release_index
from ebm_tf.store.releases.archives import (
    SUFFIX,
    BadArchiveError,
    digest_of,
    is_name,
    verified,
    verified_folder,
)

INDEX = "index.json"
# The releases that come with the program.
SHELF = str(pathlib.Path(__file__).resolve().parents[3] / "releases")


class Entry(NamedTuple):
    """What an index says of a release.

    Attributes:
      name: of the release.
      file: name of the archive, beside the index.
      sha256: of the archive; None where no index lists it.
      bytes: size of the archive.
      figures: its first figures, in words.
      address: from where it can be downloaded; None if it cannot.
    """

    name: str
    file: str
    sha256: str | None
    bytes: int
    figures: str
    address: str | None = None


def read_index(folder: str) -> dict[str, Entry]:
    """The releases in a local folder by name: those listed, and other archives.

    Raises:
      WeightsError: if the index is damaged.
    """
    path = os.path.join(folder, INDEX)
    entries: dict[str, Entry] = {}
    if os.path.exists(path):
        with open(path, "rb") as file:
            entries = parsed(file.read(), path)
    listed = {entry.file for entry in entries.values()}
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        name = file.removesuffix(SUFFIX)
        is_new = file not in listed and name not in entries
        if file.endswith(SUFFIX) and is_name(name) and is_new:
            size = os.path.getsize(os.path.join(folder, file))
            entries[name] = Entry(name, file, None, size, "")
    return entries


def listed_digest(path: str) -> str | None:
    """The SHA-256 that the index beside a local archive lists; None if there is none.

    Raises:
      WeightsError: if the index is damaged.
    """
    folder, file = os.path.split(path)
    entries = read_index(folder or os.curdir).values()
    return {entry.file: entry.sha256 for entry in entries}.get(file)


def parsed(content: bytes | str, path: str) -> dict[str, Entry]:
    """The entries of an index by name.

    Raises:
      WeightsError: if it is damaged.
    """
    try:
        rows = json.loads(content)["releases"]
        entries = [Entry(**row) for row in rows]
        # Names become paths.
        whole = all(is_name(e.name) and is_name(e.file) for e in entries)
    except (ValueError, KeyError, TypeError):
        whole, entries = False, []
    if not whole:
        raise WeightsError(f"The index {path} is damaged: pack its releases anew.")
    return {entry.name: entry for entry in entries}


def written(entries: Iterable[Entry]) -> str:
    """The text of an index."""
    rows: list[dict[str, Any]] = [entry._asdict() for entry in sorted(entries)]
    return json.dumps({"releases": rows}, indent=2) + "\n"


PREFIX = "release:"
VARIABLE = "EBM_TF_RELEASES"
INSTALLED = "installed.json"
SHIPPED = "shipped"

_STAGE = ".unpacking-"


class Installed(NamedTuple):
    """A release that lies unpacked on this machine.

    Attributes:
      folder: laid out like that of a run.
      sha256: of the archive that it came from.
      source: where that was from; SHIPPED if it came with the program.
    """

    folder: str
    sha256: str
    source: str


def cache_folder() -> str:
    """The folder of unpacked releases."""
    default = os.path.join("~", ".cache", "ebm_tf", "releases")
    return os.path.expanduser(os.environ.get(VARIABLE) or default)


def located(source: str) -> str:
    """The folder that ``release:NAME`` means; any other source as it is.

    A release that comes with the program is unpacked at its first use, and again where
    the names or sizes of its files are not those in its card any more.

    Raises:
      WeightsError: if there is none of this name, or it is not whole.
    """
    if not source.startswith(PREFIX):
        return source
    name = source.removeprefix(PREFIX)
    kept, shipped = installed(name), shipped_releases().get(name)
    if shipped and (kept is None or is_renewed(kept, shipped)):
        return _unpacked(shipped)
    if kept is None:
        raise unknown(name)
    try:
        verified_folder(kept.folder, contents=False)
    except WeightsError as error:
        if shipped and (kept.source == SHIPPED or kept.sha256 == shipped.sha256):
            return _unpacked(shipped)
        source = name if kept.source == SHIPPED else kept.source
        raise WeightsError(
            f"{error} This restores it: python3 tools/release.py install --again "
            f"{source}"
        ) from error
    return kept.folder


def _unpacked(shipped: Entry) -> str:
    path = os.path.join(release_index.SHELF, shipped.file)
    return install_archive(path, SHIPPED, sha256=shipped.sha256, name=shipped.name)


def is_renewed(kept: Installed, shipped: Entry) -> bool:
    """Whether the program now comes with another archive than that which was used."""
    return kept.source == SHIPPED and shipped.sha256 not in (None, kept.sha256)


def is_other_than_shipped(name: str, sha256: str) -> bool:
    """Whether a release of this name comes with the program, with another archive."""
    shipped = read_index(release_index.SHELF).get(name)
    return shipped is not None and shipped.sha256 not in (None, sha256)


def shipped_releases() -> dict[str, Entry]:
    """The releases whose archives come with the program, by name."""
    shelf = release_index.SHELF
    return {
        name: entry
        for name, entry in read_index(shelf).items()
        if os.path.exists(os.path.join(shelf, entry.file))
    }


def installed(name: str) -> Installed | None:
    """The unpacked release of a name, if there is one."""
    folder = os.path.join(cache_folder(), name)
    path = os.path.join(folder, INSTALLED)
    if not is_name(name) or not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        return Installed(folder, facts["sha256"], facts["source"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The installed release {folder} is damaged: delete it and install it anew."
        ) from error


def all_installed() -> dict[str, Installed]:
    """All unpacked releases by name."""
    cache = cache_folder()
    names = sorted(os.listdir(cache)) if os.path.isdir(cache) else []
    return {name: found for name in names if (found := installed(name))}


def unknown(name: str) -> WeightsError:
    """What to say of a release that is not here."""
    listed = read_index(release_index.SHELF)
    if name in listed:
        return WeightsError(
            f"The release {name} is not on this machine: python3 tools/release.py "
            f"install {name}"
        )
    known = sorted({*listed, *all_installed()})
    if not known:
        return WeightsError(
            f"No release is named {name!r}, and there is no other: python3 "
            "tools/release.py install FILE_OR_ADDRESS"
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
    return WeightsError(
        f"No release is named {name!r}; the nearest are {', '.join(near)}."
    )


def install_archive(
    path: str, source: str, *, sha256: str | None = None, name: str | None = None
) -> str:
    """Checks a local archive, then unpacks it in place of an earlier one.

    Args:
      path: of the archive.
      source: where it is from, for people to read.
      sha256: that it must have; None where that is not known.
      name: that it must have; None for any.

    Returns:
      The folder of the unpacked release.

    Raises:
      BadArchiveError: if the archive is not whole or another one.
      WeightsError: if it cannot be read or unpacked; in all cases nothing is unpacked.
    """
    digest = digest_of(path)
    if sha256 not in (None, digest):
        raise BadArchiveError(
            f"Expected SHA-256 {sha256} of {path}, got {digest}: it is left unpacked. "
            "Get it anew."
        )
    with writable_cache() as cache, new_stage(cache, _STAGE) as stage:
        whole = os.path.join(stage, "whole")
        os.mkdir(whole)
        found = verified(path, whole)["name"]
        if name not in (None, found):
            raise BadArchiveError(
                f"Expected {path} to be the release {name}, not {found}."
            )
        with open(os.path.join(whole, INSTALLED), "w", encoding="utf-8") as file:
            json.dump({"sha256": digest, "source": source}, file)
        folder = os.path.join(cache, found)
        _put(whole, folder, digest, stage)
    return folder


def _put(whole: str, folder: str, digest: str, stage: str) -> None:
    """Moves an unpacked release to its place, from where an earlier one goes away."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder, os.path.join(stage, "former"))
    try:
        os.rename(whole, folder)
    except OSError:
        # Another process was here in between; that is well where it did the same.
        other = installed(os.path.basename(folder))
        if other is None or other.sha256 != digest:
            raise


@contextlib.contextmanager
def writable_cache() -> Iterator[str]:
    """The folder of unpacked releases, which then exists.

    Raises:
      WeightsError: if the disk is full or may not be written.
    """
    cache = cache_folder()
    try:
        os.makedirs(cache, exist_ok=True)
        yield cache
    except OSError as error:
        raise WeightsError(
            f"Cannot write the folder of releases {cache}: {error.strerror or error}; "
            f"the environment variable {VARIABLE} names another."
        ) from error
