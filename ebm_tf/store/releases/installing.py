"""Installing releases from wherever they are: the program, files, folders, the web."""

import os
import tempfile
from collections.abc import Callable, Iterator

from ebm_tf.errors import WeightsError
from ebm_tf.store.releases import downloads
from ebm_tf.store.releases import installed as release_index
from ebm_tf.store.releases.archives import (
    CARD,
    SUFFIX,
    BadArchiveError,
    folder_files,
    is_name,
    packed,
)
from ebm_tf.store.releases.installed import (
    PREFIX,
    SHIPPED,
    Entry,
    all_installed,
    install_archive,
    installed,
    is_other_than_shipped,
    is_renewed,
    listed_digest,
    located,
    read_index,
    shipped_releases,
    unknown,
    writable_cache,
)

Tell = Callable[[str], None]

_REFUSED = ("ftp://", "ftps://", "sftp://")


def install(
    source: str, *, sha256: str | None = None, again: bool = False, tell: Tell = print
) -> list[str]:
    """Installs a release, or all those in a folder.

    Args:
      source: the name of a release or release:NAME, an archive, a folder of archives,
        an unpacked release, or an http(s) address of an archive.
      sha256: that the archive must have; that which its index, or a file beside its
        address, says if None.
      again: whether an address is downloaded also where it was installed before.
      tell: shows a line.

    Returns:
      The folders of the unpacked releases.

    Raises:
      WeightsError: if there is none, or it is not whole; nothing of it is unpacked.
        Of a folder all others are installed first.
    """
    if downloads.is_address(source):
        return [_from_address(source, sha256, again=again, tell=tell)]
    if source.lower().startswith(_REFUSED):
        raise WeightsError(f"Cannot download {source}: http(s) only.")
    if "://" in source:
        return [_from_cloud(source, sha256, tell)]
    name = source.removeprefix(PREFIX)
    entry = read_index(release_index.SHELF).get(name)
    if entry:
        return [_from_index(entry, release_index.SHELF, sha256, tell)]
    if _is_named(source):
        folder = located(f"{PREFIX}{name}")
        tell(f"{name} is installed already.")
        return [folder]
    if os.path.isdir(source):
        return list(_from_folder(source, sha256, tell))
    return [_from_file(source, sha256 or listed_digest(source), _place(source), tell)]


def found_release(source: str) -> str:
    """Where a release lies that is on this machine.

    Args:
      source: release:NAME or NAME, or else a path, which stays as it is.

    Returns:
      What a config that names it would use: the folder of the installed release, or
      the archive that comes with the program.

    Raises:
      WeightsError: if there is none of this name.
    """
    if not _is_named(source):
        return source
    name = source.removeprefix(PREFIX)
    kept, shipped = installed(name), shipped_releases().get(name)
    if shipped and (kept is None or is_renewed(kept, shipped)):
        return os.path.join(release_index.SHELF, shipped.file)
    if kept is None:
        raise unknown(name)
    return kept.folder


def _is_named(source: str) -> bool:
    """Whether something names a release and is no path."""
    if source.startswith(PREFIX):
        return True
    is_path = os.path.exists(source) or source.endswith(SUFFIX)
    return is_name(source) and not is_path


def _place(path: str) -> str:
    """Where an archive is from: the program, or a folder of this machine."""
    path = os.path.realpath(path)
    is_shipped = os.path.dirname(path) == os.path.realpath(release_index.SHELF)
    return SHIPPED if is_shipped else path


def _from_file(path: str, sha256: str | None, source: str, tell: Tell) -> str:
    folder = install_archive(path, source, sha256=sha256)
    if sha256 is None:
        tell(
            "Note: nobody says which SHA-256 the archive should have; its files were "
            "checked against its own card only."
        )
    name = os.path.basename(folder)
    tell(f"Installed {name} in {folder}")
    kept = installed(name)
    if kept and is_other_than_shipped(name, kept.sha256):
        tell(
            f"Note: it takes the place of the {name} that comes with the program; to "
            f"bring that back: python3 tools/release.py install {name}"
        )
    return folder


def _from_copy(copy: str, sha256: str | None, source: str, tell: Tell) -> str:
    """Installs a temporary archive; errors name where it is from."""
    try:
        return _from_file(copy, sha256, source, tell)
    except WeightsError as error:
        raise type(error)(str(error).replace(copy, source)) from error


def _from_index(entry: Entry, shelf: str, sha256: str | None, tell: Tell) -> str:
    path = os.path.join(shelf, entry.file)
    sha256 = sha256 or entry.sha256
    if os.path.exists(path):
        return _from_file(path, sha256, SHIPPED, tell)
    if entry.address is None:
        raise WeightsError(f"{path} is missing, and its index has no address of it.")
    return _from_address(entry.address, sha256, again=False, tell=tell)


def _from_folder(folder: str, sha256: str | None, tell: Tell) -> Iterator[str]:
    if os.path.exists(os.path.join(folder, CARD)):
        with tempfile.TemporaryDirectory() as temporary:
            path = os.path.join(temporary, f"release{SUFFIX}")
            with open(path, "wb") as file:
                file.write(packed(folder_files(folder)))
            yield _from_copy(path, sha256, folder, tell)
        return
    entries = read_index(folder).values()
    here = [e for e in entries if os.path.exists(os.path.join(folder, e.file))]
    if not here:
        raise WeightsError(
            f"{folder} holds no release: expected archives *{SUFFIX} or a {CARD}."
        )
    if sha256 is not None and len(here) > 1:
        raise WeightsError(f"{folder} holds {len(here)} archives for one --sha256.")
    bad = []
    for entry in here:
        path = os.path.join(folder, entry.file)
        try:
            yield _from_file(path, sha256 or entry.sha256, _place(path), tell)
        except WeightsError as error:
            if len(here) == 1:
                raise
            tell(f"Not installed: {error}")
            bad.append(entry.file)
    if bad:
        raise WeightsError(
            f"{len(bad)} of {len(here)} archives in {folder} were not installed: "
            f"{', '.join(bad)}."
        )


def _from_address(address: str, sha256: str | None, *, again: bool, tell: Tell) -> str:
    file = downloads.file_name(address)
    if not (is_name(file) and file.endswith(SUFFIX)):
        raise WeightsError(f"Expected the address {address} to end in NAME{SUFFIX}.")
    for name, found in all_installed().items():
        if found.source == address and sha256 in (None, found.sha256) and not again:
            tell(f"{name} is installed already; --again downloads it anew.")
            return found.folder
    sha256 = sha256 or downloads.published_digest(address)
    with writable_cache() as cache:
        partial = os.path.join(cache, f"{file}.partial")
        goes_on = "Going on to download" if os.path.exists(partial) else "Downloading"
        tell(f"{goes_on} {address}")
        downloads.download(address, partial)
        try:
            folder = _from_copy(partial, sha256, address, tell)
        except BadArchiveError:
            os.remove(partial)  # going on with it would not help
            raise
        os.remove(partial)
        return folder


def _from_cloud(path: str, sha256: str | None, tell: Tell) -> str:
    import tensorflow as tf  # which no other source needs

    from ebm_tf.runtime.files import reason

    with tempfile.TemporaryDirectory() as temporary:
        local = os.path.join(temporary, f"release{SUFFIX}")
        try:
            tf.io.gfile.copy(path, local)
        except (tf.errors.OpError, OSError) as error:
            raise WeightsError(f"Cannot read {path}: {reason(error)}.") from error
        return _from_copy(local, sha256, path, tell)
