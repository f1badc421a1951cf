"""From the folder of a run to the archive of a release."""

import os
from collections.abc import Iterable

from ebm_tf.errors import RunError
from ebm_tf.runtime.cloud_files import exists, make_folder, read_file, replace_file
from ebm_tf.runtime.releases import cards as model_cards
from ebm_tf.runtime.releases.archives import SUFFIX, described, is_name, packed
from ebm_tf.runtime.releases.contents import Run, contents, read_run
from ebm_tf.runtime.releases.index import INDEX, Entry, parsed, written
from ebm_tf.runtime.releases.told_figures import summary


def pack(
    folder: str,
    output: str,
    *,
    measured: Iterable[str] = (),
    licence: str = model_cards.LICENCE,
    allow_no_figures: bool = False,
    max_megabytes: float | None = None,
    address: str | None = None,
    replace: bool = False,
) -> Entry:
    """Packs a finished run into ``output/NAME.zip`` and lists it in the index there.

    Args:
      folder: of the run that learned the model.
      output: folder of archives; made where it is not there.
      measured: folders of runs that measured the newest or selected weights of it.
      licence: of the weights.
      allow_no_figures: whether a card without figures will do.
      max_megabytes: the most that the archive may have; any if None.
      address: where the archive will be found on the web; as before if None.
      replace: whether another archive of this name in the folder is replaced.

    Returns:
      What the index now says of it.

    Raises:
      UserError: if the run is not finished, nothing was measured, something else was,
        the archive is too large, or another one is there. Nothing is written then.
    """
    run = read_run(folder)
    name = _name(run)
    files, card = contents(run, [read_run(other) for other in measured], licence)
    if not card["figures"] and not allow_no_figures:
        raise RunError(
            f"The run {folder} has no figures to tell: measure it and give --measured "
            "RUN, or pack it with --allow_no_figures."
        )
    file, archive = f"{name}{SUFFIX}", packed(files)
    _check_size(name, archive, max_megabytes)
    _check_place(os.path.join(output, file), archive, replace=replace)
    [(_, facts)] = described({file: archive}).items()
    told = summary(card["figures"])
    return _put(
        Entry(name, file, facts["sha256"], facts["bytes"], told, address),
        archive,
        output,
    )


def _name(run: Run) -> str:
    """The name of a run, which becomes that of the release.

    Raises:
      RunError: if it cannot be that of a file.
    """
    if not is_name(run.config.name):
        raise RunError(
            f"Expected the name {run.config.name!r} of the run to be of letters, "
            "digits, _, - and dots: --set name=NAME when it is learned."
        )
    return run.config.name


def _check_size(name: str, archive: bytes, max_megabytes: float | None) -> None:
    """Checks that an archive is not too large.

    Raises:
      RunError: if it is.
    """
    megabytes = len(archive) / 1e6
    if max_megabytes is not None and megabytes > max_megabytes:
        raise RunError(
            f"The archive of {name} would have {megabytes:.3g} megabytes, more than "
            f"--max_megabytes={max_megabytes:g}."
        )


def _check_place(path: str, archive: bytes, *, replace: bool) -> None:
    """Checks that no other archive would be lost.

    Raises:
      RunError: if one would.
    """
    if not replace and exists(path) and read_file(path) != archive:
        raise RunError(
            f"{path} is there already and holds something else: --replace packs this "
            "in its place, or give another --output."
        )


def _put(entry: Entry, archive: bytes, output: str) -> Entry:
    """Writes the archive, then the index that lists it."""
    path = os.path.join(output, INDEX)
    entries = {}
    if exists(path):
        entries = parsed(read_file(path), path)
    before = entries.get(entry.name)
    # At its address lies what was packed before, unless that was the same.
    if entry.address is None and before and before.sha256 == entry.sha256:
        entry = entry._replace(address=before.address)
    entries[entry.name] = entry
    advice = "Nothing is packed; make room there or give another --output."
    make_folder(output)
    replace_file(os.path.join(output, entry.file), archive, advice=advice)
    replace_file(path, written(entries.values()), advice=advice)
    return entry
