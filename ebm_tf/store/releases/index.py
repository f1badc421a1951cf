"""The releases of this machine: listed in an index, bundled, installed."""

import contextlib
import difflib
import json
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ebm_tf.errors import WeightsError
from ebm_tf.runtime import cache_folders
from ebm_tf.runtime.bounded_json import json_of
from ebm_tf.runtime.bundled import ROOT
from ebm_tf.store.releases import archives

PREFIX = "release:"
INDEX = "index.json"
# The archives that the program is distributed with.
BUNDLED_FOLDER = str(ROOT / "releases")
# Names the folder of installed releases.
VARIABLE = "EBM_TF_RELEASES"
INSTALLED = "installed.json"
BUNDLED = "shipped"  # the source that installed.json names for bundled releases

_STAGE = ".unpacking-"


class Entry(NamedTuple):
    """A release in an index.

    Attributes:
      name: of the release.
      file: name of the archive, beside the index.
      sha256: of the archive; None where no index lists it.
      bytes: size of the archive.
      figures: a summary of its reported metrics.
      address: from where it can be downloaded; None if it cannot.
    """

    name: str
    file: str
    sha256: str | None
    bytes: int
    figures: str
    address: str | None = None


class Installed(NamedTuple):
    """A release that is unpacked on this machine.

    Attributes:
      folder: laid out like that of a run.
      sha256: of its archive.
      source: of its archive; BUNDLED if that is the program.
    """

    folder: str
    sha256: str
    source: str


def read_index(folder: str) -> dict[str, Entry]:
    """The releases in a local folder by name: those listed, and other archives.

    Raises:
      WeightsError: if the index is damaged.
    """
    path = pathlib.Path(folder, INDEX)
    entries = parse_index(path.read_bytes(), str(path)) if path.exists() else {}
    listed = {entry.file for entry in entries.values()}
    for archive in sorted(path.parent.glob(f"*{archives.SUFFIX}")):
        if archives.is_name(name := archive.stem) and name not in entries:
            if archive.name not in listed:
                size = archive.stat().st_size
                entries[name] = Entry(name, archive.name, None, size, "")
    return entries


def listed_digest(path: str) -> str | None:
    """The SHA-256 that the index beside a local archive lists; None if there is none.

    Raises:
      WeightsError: if the index is damaged.
    """
    folder, file = os.path.split(path)
    return {e.file: e.sha256 for e in read_index(folder).values()}.get(file)


def parse_index(content: bytes | str, path: str) -> dict[str, Entry]:
    """The entries of an index by name.

    Raises:
      WeightsError: if it is damaged.
    """
    try:
        entries = [Entry(**row) for row in json_of(content)["releases"]]
        if not all(
            archives.is_name(e.name) and archives.is_name(e.file) for e in entries
        ):
            raise ValueError("Names become paths.")
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"The index {path} is damaged: pack its releases again."
        ) from error
    return {entry.name: entry for entry in entries}


def index_text(entries: Iterable[Entry]) -> str:
    """The JSON text of an index."""
    rows = [entry._asdict() for entry in sorted(entries)]
    return json.dumps({"releases": rows}, indent=2) + "\n"


def bundled_releases() -> dict[str, Entry]:
    """The releases whose archives are bundled with the program, by name."""
    entries = read_index(BUNDLED_FOLDER)
    return {n: e for n, e in entries.items() if os.path.exists(bundled_archive(e))}


def bundled_archive(entry: Entry) -> str:
    """The path of the archive of a bundled release."""
    return os.path.join(BUNDLED_FOLDER, entry.file)


def differs_from_bundled(name: str, sha256: str) -> bool:
    """Whether a bundled release of this name has another archive."""
    bundled = read_index(BUNDLED_FOLDER).get(name)
    return bundled is not None and bundled.sha256 not in (None, sha256)


def cache_folder() -> str:
    """The folder of installed releases."""
    return cache_folders.cache_folder("releases", VARIABLE)


@contextlib.contextmanager
def writable_cache() -> Iterator[str]:
    """The folder of installed releases, which is made where it is missing.

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


def installed(name: str) -> Installed | None:
    """The installed release of a name, if there is one.

    Raises:
      WeightsError: if it is damaged.
    """
    folder = os.path.join(cache_folder(), name)
    path = pathlib.Path(folder, INSTALLED)
    if not archives.is_name(name) or not path.exists():
        return None
    try:
        return Installed(folder, **json_of(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise WeightsError(
            f"The installed release {folder} is damaged: delete it and install it "
            "again."
        ) from error


def all_installed() -> dict[str, Installed]:
    """All installed releases by name."""
    cache = cache_folder()
    names = sorted(os.listdir(cache)) if os.path.isdir(cache) else []
    return {name: found for name in names if (found := installed(name))}


def current(name: str) -> Installed | Entry:
    """The installed release of a name, or the bundled one that is to be unpacked.

    A bundled release is unpacked at its first use, and when the program bundles
    another archive than the one that was unpacked.

    Raises:
      WeightsError: if there is none of this name.
    """
    found, bundled = installed(name), bundled_releases().get(name)
    if bundled and (
        found is None
        or (found.source == BUNDLED and bundled.sha256 not in (None, found.sha256))
    ):
        return bundled
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> WeightsError:
    listed, tool = read_index(BUNDLED_FOLDER), "python3 tools/release.py install"
    if name in listed:
        return WeightsError(f"The release {name} is not installed: {tool} {name}")
    known = sorted({*listed, *all_installed()})
    if not known:
        return WeightsError(
            f"No release is named {name!r}, and there is no other: {tool} "
            "FILE_OR_ADDRESS"
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known
    return WeightsError(
        f"No release is named {name!r}; the nearest are {', '.join(near)}."
    )


def located(source: str) -> str:
    """The folder that ``release:NAME`` or ``latest:NAME`` means; others as they are.

    The latest is the newest finished run of an experiment of that name in ``runs``. A
    bundled release is unpacked where `current` says so, and again where the names or
    sizes of its files are no longer those in its card.

    Raises:
      UserError: if there is none of this name, or it is damaged.
    """
    if not source.startswith(PREFIX):
        from ebm_tf.runtime.latest import newest  # imports TensorFlow

        return newest(source)
    found = current(source.removeprefix(PREFIX))
    if isinstance(found, Entry):
        return _unpack_bundled(found)
    try:
        archives.verified_folder(found.folder, contents=False)
    except WeightsError as error:
        name = os.path.basename(found.folder)
        bundled = bundled_releases().get(name)
        if bundled and (found.source == BUNDLED or found.sha256 == bundled.sha256):
            return _unpack_bundled(bundled)
        source = name if found.source == BUNDLED else found.source
        raise WeightsError(
            f"{error} This restores it: python3 tools/release.py install --again "
            f"{source}"
        ) from error
    return found.folder


def _unpack_bundled(entry: Entry) -> str:
    path = bundled_archive(entry)
    return install_archive(path, BUNDLED, sha256=entry.sha256, name=entry.name)


def install_archive(
    path: str,
    source: str,
    *,
    sha256: str | None = None,
    name: str | None = None,
    allow_code: bool = False,
) -> str:
    """Checks a local archive, then unpacks it in place of an earlier one.

    Args:
      path: of the archive.
      source: where it is from, for people to read.
      sha256: that it must have; None where that is not known.
      name: that it must have; None for any.
      allow_code: whether it may hold Python files, which its use would run.

    Returns:
      The folder of the unpacked release.

    Raises:
      BadArchiveError: if the archive is damaged or another one.
      WeightsError: if it holds code, or cannot be read or unpacked. In all cases
        nothing is installed.
    """
    from ebm_tf.runtime.files import new_stage  # TensorFlow, which takes seconds

    digest = archives.digest_of(path)
    if sha256 not in (None, digest):
        raise archives.BadArchiveError(
            f"Expected SHA-256 {sha256} of {path}, got {digest}: it is left unpacked. "
            "Get it again."
        )
    with writable_cache() as cache, new_stage(cache, _STAGE) as stage:
        whole = os.path.join(stage, "whole")
        os.mkdir(whole)
        card = archives.verified(path, whole)
        if name not in (None, card["name"]):
            raise archives.BadArchiveError(
                f"Expected {path} to be the release {name}, not {card['name']}."
            )
        if (code := archives.code_files(card)) and not allow_code:
            raise WeightsError(
                f"The release {path} holds code that its use would run "
                f"({', '.join(code)}): --allow_code installs it if you trust it."
            )
        facts = json.dumps({"sha256": digest, "source": source})
        pathlib.Path(whole, INSTALLED).write_text(facts, encoding="utf-8")
        folder = os.path.join(cache, card["name"])
        _move(whole, folder, digest, stage)
    return folder


def _move(whole: str, folder: str, digest: str, stage: str) -> None:
    """Moves an unpacked release to its place, and an earlier one out of it."""
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder, os.path.join(stage, "former"))
    try:
        os.rename(whole, folder)
    except OSError:
        # Another process came first; that is fine where it did the same.
        other = installed(os.path.basename(folder))
        if other is None or other.sha256 != digest:
            raise
