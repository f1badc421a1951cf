"""Releases on this machine: where they lie, and what `release:NAME` means.

They lie unpacked in `~/.cache/ebm_tf/releases`, or where `EBM_TF_RELEASES` says.
"""

import contextlib
import difflib
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.releases import index as release_index
from ebm_tf.runtime.releases.archives import (
    BadArchiveError,
    digest_of,
    is_name,
    verified,
    verified_folder,
)
from ebm_tf.runtime.releases.index import Entry, read_index
from ebm_tf.runtime.stages import new_stage

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
