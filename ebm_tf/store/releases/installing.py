"""Installs releases from any source: a name, a file, a folder, a bucket, the web."""

import contextlib
import dataclasses
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from ebm_tf.errors import WeightsError
from ebm_tf.store.releases import archives, downloads, index


def install(source: str, **options: Any) -> list[str]:
    """Installs a release, or all those in a folder.

    Args:
      source: the name of a release or release:NAME, an archive, a folder of archives,
        an unpacked release, or an http(s) address of an archive.
      **options: the fields of `Installer`.

    Returns:
      The folders of the installed releases.

    Raises:
      WeightsError: if there is none, it is damaged or holds code that is not allowed;
        nothing of it is installed. Of a folder all others are installed first.
    """
    installer = Installer(**options)
    if downloads.is_address(source):
        return [installer.from_address(source)]
    if re.match("(ftp|ftps|sftp)://", source.lower()):
        raise WeightsError(f"Cannot download {source}: http(s) only.")
    if "://" in source:
        return [installer.from_cloud(source)]
    name = source.removeprefix(index.PREFIX)
    if entry := index.read_index(index.BUNDLED_FOLDER).get(name):
        return [installer.from_index(entry)]
    if _is_named(source):
        folder = index.located(f"{index.PREFIX}{name}")
        installer.report(f"{name} is installed already.")
        return [folder]
    if os.path.isdir(source):
        return list(installer.from_folder(source))
    return [installer.from_file(source, _origin(source), index.listed_digest(source))]


def release_path(source: str) -> str:
    """Where a release of this machine lies.

    Args:
      source: release:NAME or NAME, or else a path, which stays as it is.

    Returns:
      What a config that names it would use: the folder of the installed release, or
      the bundled archive.

    Raises:
      WeightsError: if there is none of this name.
    """
    if not _is_named(source):
        return source
    found = index.current(source.removeprefix(index.PREFIX))
    if isinstance(found, index.Installed):
        return found.folder
    return index.bundled_archive(found)


def _is_named(source: str) -> bool:
    """Whether something names a release and is no path."""
    if source.startswith(index.PREFIX):
        return True
    is_path = os.path.exists(source) or source.endswith(archives.SUFFIX)
    return archives.is_name(source) and not is_path


def _origin(path: str) -> str:
    """The source of a local archive: the program, or its path."""
    path, bundled = os.path.realpath(path), os.path.realpath(index.BUNDLED_FOLDER)
    return index.BUNDLED if os.path.dirname(path) == bundled else path


@dataclasses.dataclass(frozen=True)
class Installer:
    """Installs archives; the methods take a source and return folders of releases.

    Attributes:
      sha256: that the archive must have; that in its index, or in a file beside its
        address, if None.
      again: whether an address is downloaded also where it was installed before.
      allow_code: whether releases may hold Python files, which their use would run.
      report: shows a line.
    """

    sha256: str | None = None
    again: bool = False
    allow_code: bool = False
    report: Callable[[str], None] = print

    def from_file(self, path: str, source: str, listed: str | None = None) -> str:
        """From a local archive, whose listed SHA-256 is known or not."""
        sha256 = self.sha256 or listed
        folder = index.install_archive(
            path, source, sha256=sha256, allow_code=self.allow_code
        )
        if sha256 is None:
            self.report(
                "Note: no SHA-256 of the archive is known; its files were checked "
                "against its own card only."
            )
        name = os.path.basename(folder)
        self.report(f"Installed {name} in {folder}")
        found = index.installed(name)
        if found and index.differs_from_bundled(name, found.sha256):
            self.report(
                f"Note: it replaces the bundled {name}, which comes back with: python3 "
                f"tools/release.py install {name}"
            )
        return folder

    def from_copy(self, copy: str, source: str, listed: str | None = None) -> str:
        """From a temporary archive; errors name its source."""
        try:
            return self.from_file(copy, source, listed)
        except WeightsError as error:
            raise type(error)(str(error).replace(copy, source)) from error

    def from_index(self, entry: index.Entry) -> str:
        """A release of the program, which is bundled or can be downloaded."""
        path = index.bundled_archive(entry)
        if os.path.exists(path):
            return self.from_file(path, index.BUNDLED, entry.sha256)
        if entry.address is None:
            raise WeightsError(f"{path} is missing, and its index has no address.")
        return self.from_address(entry.address, entry.sha256)

    def from_folder(self, folder: str) -> Iterator[str]:
        """An unpacked release, or all archives in a folder."""
        if os.path.exists(os.path.join(folder, archives.CARD)):
            with _temporary_archive() as path:
                with open(path, "wb") as file:
                    file.write(archives.packed(archives.folder_files(folder)))
                yield self.from_copy(path, folder)
            return
        entries = index.read_index(folder).values()
        paths = {os.path.join(folder, entry.file): entry for entry in entries}
        here = {path: entry for path, entry in paths.items() if os.path.exists(path)}
        if not here:
            raise WeightsError(
                f"{folder} holds no release: expected archives *{archives.SUFFIX} or "
                f"a {archives.CARD}."
            )
        if self.sha256 is not None and len(here) > 1:
            raise WeightsError(f"{folder} holds {len(here)} archives for one --sha256.")
        bad = []
        for path, entry in here.items():
            try:
                yield self.from_file(path, _origin(path), entry.sha256)
            except WeightsError as error:
                if len(here) == 1:
                    raise
                self.report(f"Not installed: {error}")
                bad.append(entry.file)
        if bad:
            raise WeightsError(
                f"{len(bad)} of {len(here)} archives in {folder} were not installed: "
                f"{', '.join(bad)}."
            )

    def from_address(self, address: str, listed: str | None = None) -> str:
        """From an http(s) address; a download that broke off is resumed."""
        file = downloads.file_name(address)
        if not (archives.is_name(file) and file.endswith(archives.SUFFIX)):
            raise WeightsError(
                f"Expected the address {address} to end in NAME{archives.SUFFIX}."
            )
        sha256 = self.sha256 or listed
        for name, found in index.all_installed().items():
            is_same = found.source == address and sha256 in (None, found.sha256)
            if is_same and not self.again:
                self.report(f"{name} is installed already; --again downloads it again.")
                return found.folder
        sha256 = sha256 or downloads.published_digest(address)
        with index.writable_cache() as cache:
            partial = os.path.join(cache, f"{file}.partial")
            verb = "Resuming" if os.path.exists(partial) else "Downloading"
            self.report(f"{verb} {address}")
            downloads.download(address, partial)
            try:
                folder = self.from_copy(partial, address, sha256)
            except archives.BadArchiveError:
                os.remove(partial)  # resuming it would not help
                raise
            os.remove(partial)
            return folder

    def from_cloud(self, path: str) -> str:
        """From an archive in a bucket."""
        import tensorflow as tf  # which no other source needs

        from ebm_tf.runtime.files import reason

        with _temporary_archive() as local:
            try:
                tf.io.gfile.copy(path, local)
            except (tf.errors.OpError, OSError) as error:
                raise WeightsError(f"Cannot read {path}: {reason(error)}.") from error
            return self.from_copy(local, path)


@contextlib.contextmanager
def _temporary_archive() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield os.path.join(folder, f"release{archives.SUFFIX}")
