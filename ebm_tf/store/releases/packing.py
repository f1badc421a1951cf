"""Packs the files of a run and their card into the archive of a release."""

import io
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import h5py
import tensorflow as tf

from ebm_tf.config.core import Experiment, from_mapping, to_mapping
from ebm_tf.config.kinds import KERAS_FILE, OWN, file_in, in_folder, to_json
from ebm_tf.errors import RunError, WeightsError
from ebm_tf.runtime.files import (
    exists,
    make_folder,
    names_in,
    read_file,
    read_json,
    replace_file,
    sha256_of,
)
from ebm_tf.runtime.run_folders import read_config, reopen
from ebm_tf.runtime.weight_files import FOLDER, INFIXES
from ebm_tf.runtime.weight_files import SUFFIX as WEIGHTS
from ebm_tf.runtime.workspace import CONFIG, RESULTS
from ebm_tf.store.network_sources import MEASURED
from ebm_tf.store.releases import archives, cards, index
from ebm_tf.store.releases.index import Entry, located
from ebm_tf.store.sources import find, newest_weights

ENVIRONMENT = "environment.json"
CARD_TEXT = "card.md"
# Settings and results that name runs or weight files.
SOURCES = ("weights", "runs")

# Folders above a file, but not those in the address of a web page.
_FOLDERS = re.compile(r"(?<![\w:/.~-])(~|[A-Za-z]:)?[/\\]([^\s/\\]+[/\\])+")

Rename = Callable[[str], str]


def pack(
    folder: str,
    output: str,
    *,
    measured: Iterable[str] = (),
    licence: str = cards.LICENCE,
    allow_no_figures: bool = False,
    max_megabytes: float | None = None,
    address: str | None = None,
    replace: bool = False,
    only_best: bool = False,
) -> Entry:
    """Packs a finished run into ``output/NAME.zip`` and lists it in the index there.

    Args:
      folder: of the run that learned the model.
      output: folder of archives; made where it is missing.
      measured: folders of runs that measured the newest or selected weights of it.
      licence: of the weights.
      allow_no_figures: whether the card may report no metrics.
      max_megabytes: the most that the archive may have; any if None.
      address: where the archive will be found on the web; as before if None.
      replace: whether another archive of this name in the folder is replaced.
      only_best: whether of each network only the weights are packed that its run
        means: the selected ones, else the averaged ones.

    Returns:
      Its entry in the index.

    Raises:
      UserError: if the run is not finished, nothing was measured, something else was,
        the archive is too large, or another one exists. Nothing is written then.
    """
    run = _read_run(folder)
    name = run.config.name
    if not archives.is_name(name):
        raise RunError(
            f"Expected the name {name!r} of the run to be of letters, digits, _, - and "
            "dots: --set name=NAME when it is trained."
        )
    names = _best_weights(run.folder) if only_best else newest_weights(run.folder)
    others = [_read_run(other) for other in measured]
    files, card = _contents(run, names, others, licence)
    if not card["figures"] and not allow_no_figures:
        raise RunError(
            f"The run {folder} has no metrics to report: measure it and give "
            "--measured RUN, or pack it with --allow_no_figures."
        )
    file, archive = f"{name}{archives.SUFFIX}", archives.packed(files)
    path, megabytes = os.path.join(output, file), len(archive) / 1e6
    if max_megabytes is not None and megabytes > max_megabytes:
        raise RunError(
            f"The archive of {name} would have {megabytes:.3g} megabytes, more than "
            f"--max_megabytes={max_megabytes:g}."
        )
    if not replace and exists(path) and read_file(path) != archive:
        raise RunError(
            f"{path} exists and holds something else: --replace packs this in its "
            "place, or give another --output."
        )
    facts, text = archives.manifest({file: archive}), cards.summary(card["figures"])
    entry = Entry(name, file, figures=text, address=address, **facts[file])
    return _write(entry, archive, output)


def _write(entry: Entry, archive: bytes, output: str) -> Entry:
    """Writes the archive, then the index that lists it."""
    path = os.path.join(output, index.INDEX)
    entries = index.parse_index(read_file(path), path) if exists(path) else {}
    before = entries.get(entry.name)
    # The earlier address holds the earlier bytes.
    if entry.address is None and before and before.sha256 == entry.sha256:
        entry = entry._replace(address=before.address)
    entries[entry.name] = entry
    advice = "Nothing is packed; make room there or give another --output."
    make_folder(output)
    replace_file(os.path.join(output, entry.file), archive, advice=advice)
    replace_file(path, index.index_text(entries.values()), advice=advice)
    return entry


class _Run(NamedTuple):
    """A finished run: its path and what its files hold."""

    folder: str
    config: Any
    results: dict[str, Any]
    environment: dict[str, Any]


def _read_run(folder: str) -> _Run:
    folder = located(folder).rstrip("/")
    config = read_config(folder)
    results = reopen(folder).results()
    if results is None:
        raise RunError(
            f"The run {folder} is not finished: it has no {RESULTS}. To finish it: "
            f"python3 ebm_tf/{config.executable}.py --resume {folder}"
        )
    path = os.path.join(folder, ENVIRONMENT)
    return _Run(folder, config, results, read_json(path) if exists(path) else {})


def _best_weights(folder: str) -> list[str]:
    """The weight files that a run folder means, one of each network."""
    source = find(folder)
    return [
        os.path.basename(source.file(role, "best"))
        for role in MEASURED
        if source.has(role)
    ]


def _contents(
    run: _Run, names: list[str], measured: list[_Run], licence: str
) -> tuple[dict[str, bytes], archives.Card]:
    """The files of a release by name, and its card."""
    weights = {
        f"{FOLDER}/{name}": read_file(os.path.join(run.folder, FOLDER, name))
        for name in names
    }
    if not weights:
        raise WeightsError(
            f"The run {run.folder} of {run.config.executable}.py holds no weights: "
            "pack the run that learned the model."
        )
    own = {facts["sha256"] for facts in archives.manifest(weights).values()}
    for other in measured:
        _check_measured(other, own, run.folder)
    rename = renaming(_known_weights(run.config.name, own), _digests)
    config = portable_config(run.config, rename)
    measurements, reported = _measurements([run, *measured], rename)
    card = cards.card(
        config,
        run.environment,
        parameters=_parameters(weights),
        figures=reported,
        measurements=measurements,
        licence=licence,
    )
    files = weights | _own_files(run.folder)
    files[CONFIG] = to_json(config).encode()
    files[RESULTS] = _json(portable(run.results, rename))
    files[ENVIRONMENT] = _json(run.environment)
    # The text lists all files but the two cards, card.json all but itself.
    text = cards.as_markdown(card | {"files": archives.manifest(files)})
    files[CARD_TEXT] = text.encode()
    card["files"] = archives.manifest(files)
    files[archives.CARD] = cards.as_json(card).encode()
    return files, card


def _measurements(
    runs: list[_Run], rename: Rename
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Facts about runs by name, the one that learned the model first; their metrics."""
    measurements, reported = {}, []
    for number, run in enumerate(runs):
        # Two measurements may have one name.
        name = f"{run.config.executable} {run.config.name}"
        name += f" ({number})" if number > 1 else ""
        config = portable_config(run.config, rename)
        data = getattr(run.config, "data", None)
        measurements[name] = {
            "command": cards.command(config, data),
            "revision": run.environment.get("revision"),
            "config": to_mapping(config),
        }
        results = portable(run.results, rename)
        reported += cards.reported_metrics(config, results, name)
    return measurements, reported


def _own_files(folder: str) -> dict[str, bytes]:
    """The user's own files that a run keeps and its config needs."""
    folder = os.path.join(folder, OWN)
    names = [name for name in names_in(folder) if name.endswith((".py", KERAS_FILE))]
    if odd := [name for name in names if not archives.is_name(name)]:
        raise RunError(
            f"Expected the name of {folder}/{odd[0]} to be of letters, digits, _, - "
            "and dots."
        )
    return {f"{OWN}/{name}": read_file(os.path.join(folder, name)) for name in names}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _check_measured(run: _Run, own: set[str], folder: str) -> None:
    """Refuses a run that did not measure weights that are packed."""
    files = run.results.get("weights") or {}
    files = [files] if isinstance(files, str) else list(files.values())
    if not any(found in own for file in files for found in _digests(file)):
        raise RunError(
            f"The run {run.folder} did not measure the newest weights of {folder}, but "
            f"{', '.join(files) or 'none'}: measure those that are packed."
        )


def _digests(source: str) -> list[str]:
    """The SHA-256 of a weight file, or of the newest ones of a run folder."""
    source = located(source)
    if tf.io.gfile.isdir(source):
        names = newest_weights(source)
        return [sha256_of(os.path.join(source, FOLDER, name)) for name in names]
    return [sha256_of(source)] if tf.io.gfile.exists(source) else []


def _known_weights(name: str, own: set[str]) -> dict[str, str]:
    """The release that holds weights, this or a bundled one, by their SHA-256."""
    known = dict.fromkeys(own, name)
    for other, entry in index.bundled_releases().items():
        if other != name:
            card = archives.read_card(index.bundled_archive(entry))
            known = {facts["sha256"]: other for facts in card["files"].values()} | known
    return known


def _parameters(weights: Mapping[str, bytes]) -> dict[str, int]:
    """The numbers of parameters of each network, by role."""
    infixes = "|".join(INFIXES.values())
    pattern = re.compile(rf"{FOLDER}/(.+?)({infixes})(_\d+)?{re.escape(WEIGHTS)}")
    named = ((pattern.fullmatch(name), content) for name, content in weights.items())
    return {match[1]: _count(content) for match, content in named if match}


def _count(content: bytes) -> int:
    sizes: list[int] = []
    with h5py.File(io.BytesIO(content)) as file:  # groups have no size
        file.visititems(lambda _, item: sizes.append(getattr(item, "size", 0)))
    return sum(sizes)


def portable(value: Any, rename: Rename) -> Any:
    """JSON-able settings or results without paths of this machine.

    Args:
      value: settings or results.
      rename: a source of weights here -> the one that others have.

    Returns:
      The same, with weights renamed, no data folder, and files by their names alone.
    """
    if isinstance(value, dict):
        return {key: _portable_item(key, item, rename) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item, rename) for item in value]
    if file_in(value) is not None:
        return in_folder(value, OWN)
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


def _portable_item(key: str, value: Any, rename: Rename) -> Any:
    if key in ("directory", "path"):
        return None
    if key not in SOURCES or not value or file_in(value) is not None:
        return portable(value, rename)
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, dict):
        return {name: rename(source) for name, source in value.items()}
    return [rename(source) for source in value]


def portable_config(config: Experiment, rename: Rename) -> Experiment:
    """A config without paths of this machine."""
    return from_mapping(type(config), portable(to_mapping(config), rename))


def renaming(known: dict[str, str], digests: Callable[[str], Iterable[str]]) -> Rename:
    """How others find weights: in the release that holds them, if one does.

    Args:
      known: names of releases by the SHA-256 of the weights that they hold.
      digests: a weight file or a run folder -> SHA-256 of its weights.
    """

    def rename(source: str) -> str:
        if source.startswith(index.PREFIX):
            return source
        for digest in digests(source):
            if digest in known:
                return f"{index.PREFIX}{known[digest]}"
        is_local = os.path.isabs(source) or "://" in source or source.startswith("~")
        return _last_parts(source) if is_local else source

    return rename


def _last_parts(path: str) -> str:
    """Name and time of a run, of its weights with what follows, else a file's name."""
    *folders, name = re.split(r"[/\\]+", path.rstrip("/\\"))
    num_folders = 0 if os.path.splitext(name)[1] else 1
    if folders and folders[-1] == FOLDER:
        num_folders = 3
    return "/".join([*folders[-num_folders:], name]) if num_folders else name
