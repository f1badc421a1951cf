"""A folder of archives of releases, and the file that lists them."""

import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from ebm_tf.errors import WeightsError
from ebm_tf.runtime.releases.archives import SUFFIX, is_name

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
