"""What is in a release: the files of a run, and the card that tells of them."""

import io
import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import h5py
import tensorflow as tf

from ebm_tf.config.core import Experiment
from ebm_tf.config.kinds import to_json
from ebm_tf.errors import RunError, WeightsError
from ebm_tf.runtime.files import (
    exists,
    make_folder,
    read_file,
    read_json,
    replace_file,
    sha256_of,
)
from ebm_tf.runtime.run_folders import read_config, reopen
from ebm_tf.runtime.weight_files import FOLDER, INFIXES
from ebm_tf.runtime.weight_files import SUFFIX as WEIGHTS
from ebm_tf.runtime.workspace import CONFIG, RESULTS
from ebm_tf.store.releases import cards as model_cards
from ebm_tf.store.releases import installed as release_index
from ebm_tf.store.releases.archives import (
    CARD,
    SUFFIX,
    described,
    is_name,
    packed,
    read_card,
)
from ebm_tf.store.releases.cards import Measured, figures, summary
from ebm_tf.store.releases.installed import (
    INDEX,
    Entry,
    located,
    parsed,
    shipped_releases,
    written,
)
from ebm_tf.store.releases.portable import (
    Rename,
    command,
    portable,
    portable_config,
    renaming,
)
from ebm_tf.store.sources import newest_weights

ENVIRONMENT = "environment.json"
CARD_TEXT = "card.md"


class Run(NamedTuple):
    """What a finished run tells.

    Attributes:
      folder: its path.
      config: its settings.
      results: its figures.
      environment: versions and revision.
    """

    folder: str
    config: Any
    results: dict[str, Any]
    environment: dict[str, Any]


def read_run(folder: str) -> Run:
    """Reads what a finished run tells.

    Raises:
      RunError: if it is not finished or no run, or cannot be read.
    """
    folder = located(folder).rstrip("/")
    config = read_config(folder)
    results = reopen(folder).results()
    if results is None:
        raise RunError(
            f"The run {folder} is not finished: it has no {RESULTS}. To finish it: "
            f"python3 ebm_tf/{config.executable}.py --resume {folder}"
        )
    path = os.path.join(folder, ENVIRONMENT)
    environment = read_json(path) if exists(path) else {}
    return Run(folder, config, results, environment)


def contents(
    run: Run, measured: list[Run], licence: str
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a release by name, and its card.

    Args:
      run: that learned the model.
      measured: runs that measured the newest or selected weights of it.
      licence: of the weights.

    Raises:
      UserError: if there are no weights, or something else was measured.
    """
    weights = _weights(run)
    own = {facts["sha256"] for facts in described(weights).values()}
    for other in measured:
        _check_measured(other, own, run.folder)
    rename = _rename(run.config.name, own)
    told = [_told(r, rename, index) for index, r in enumerate((run, *measured))]
    found = [
        figure
        for source, about in zip((run, *measured), told, strict=True)
        for figure in figures(
            about.config, portable(source.results, rename), about.name
        )
    ]
    card = model_cards.card(
        told[0].config,
        run.environment,
        parameters=_parameters(weights),
        figures=found,
        measured=told,
        licence=licence,
    )
    files = weights | {
        CONFIG: to_json(told[0].config).encode(),
        RESULTS: _json(portable(run.results, rename)),
        ENVIRONMENT: _json(run.environment),
    }
    files = dict(sorted(files.items()))
    # The text lists all files but the two cards, card.json all but itself.
    text = model_cards.as_markdown(card | {"files": described(files)})
    files[CARD_TEXT] = text.encode()
    card["files"] = described(files)
    files[CARD] = model_cards.as_json(card).encode()
    return files, card


def _told(run: Run, rename: Rename, index: int) -> Measured:
    config: Experiment = portable_config(run.config, rename)
    data = getattr(run.config, "data", None)
    # The first run learned the model; two measurements may have one name.
    name = f"{config.executable} {config.name}" + (f" ({index})" if index > 1 else "")
    return Measured(
        name,
        config,
        command(config, data and data.directory),
        run.environment.get("revision"),
    )


def _weights(run: Run) -> dict[str, bytes]:
    """The newest weights of every network and kind, by name in the archive."""
    names = newest_weights(run.folder)
    if not names:
        raise WeightsError(
            f"The run {run.folder} of {run.config.executable}.py holds no weights: "
            "pack the run that learned the model."
        )
    return {
        f"{FOLDER}/{name}": read_file(os.path.join(run.folder, FOLDER, name))
        for name in names
    }


def _check_measured(run: Run, own: set[str], folder: str) -> None:
    """Checks that a run measured weights that are packed.

    Raises:
      RunError: if it measured others, or those are not to be found any more.
    """
    files = run.results.get("weights") or {}
    files = [files] if isinstance(files, str) else list(files.values())
    if not any(found in own for file in files for found in _digests(file)):
        raise RunError(
            f"The run {run.folder} did not measure the newest weights of {folder}, but "
            f"{', '.join(files) or 'none'}: measure those that are packed."
        )


def _rename(name: str, own: set[str]) -> Rename:
    """Tells weights by the release that holds them: this one, or one of the program."""
    known = dict.fromkeys(own, name)
    for other, entry in shipped_releases().items():
        if other != name:
            card = read_card(os.path.join(release_index.SHELF, entry.file))
            for facts in card["files"].values():
                known.setdefault(facts["sha256"], other)
    return renaming(known, _digests)


def _digests(source: str) -> list[str]:
    """The SHA-256 of a weight file, or of the newest ones of a run folder."""
    source = located(source)
    if tf.io.gfile.isdir(source):
        names = newest_weights(source)
        return [sha256_of(os.path.join(source, FOLDER, name)) for name in names]
    return [sha256_of(source)] if tf.io.gfile.exists(source) else []


def _parameters(weights: Mapping[str, bytes]) -> dict[str, int]:
    """The numbers in the weights of each network, by role."""
    counts: dict[str, int] = {}
    for name, content in weights.items():
        stem, _, step = name.removesuffix(WEIGHTS).rpartition("_")
        stem = stem if step.isdigit() else name.removesuffix(WEIGHTS)
        role = os.path.basename(stem)
        for infix in INFIXES.values():
            role = role.removesuffix(infix)
        counts[role] = _count(content)
    return counts


def _count(content: bytes) -> int:
    shapes: list[tuple[int, ...]] = []

    def add(_: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            shapes.append(item.shape)

    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(add)
    return sum(map(math.prod, shapes))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


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
