"""Packs learned models into releases, and installs releases.

python3 tools/release.py pack RUN [--measured RUN ...] [--output releases] [--replace]
python3 tools/release.py verify NAME_OR_FILE_OR_FOLDER
python3 tools/release.py install NAME_OR_FILE_OR_ADDRESS [--sha256 DIGEST]
python3 tools/release.py list

A release is one archive: the newest weights of a finished run (averaged, raw, selected,
and those of networks that did not learn), its config, versions and results, and a card,
card.md for people and card.json for programs: data, figures with how they were
measured, licence, and the SHA-256 of each file.

  pack      writes NAME.zip into a folder and lists it in index.json there. --measured
            takes the folder of a run of fid.py or attack.py that measured these
            weights; its figures and its command go into the card. Pack what a
            measurement used besides first: it is then told as release:NAME. Another
            archive of that name stays, unless --replace is given.
  verify    checks every file of an archive, of those in a folder, of an unpacked
            release, or of what release:NAME means against the card, and says what is
            in it.
  install   takes the name of a release that comes with the program, an archive, a
            folder of archives, an unpacked release, or an http(s) address; a download
            that broke off goes on. Nothing is unpacked before its hash is checked:
            that of --sha256, of the index, or of ADDRESS.sha256. It says so where what
            it installed takes the place of a release that comes with the program;
            install NAME brings that one back.
  list      says what is installed and what could be.

Installed releases lie in ~/.cache/ebm_tf/releases, or where EBM_TF_RELEASES says. Then
release:NAME may stand wherever a config takes weights.
"""

import os
import pathlib
import re
import sys

from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.runtime import tool
from ebm_tf.store.releases import installed as release_index
from ebm_tf.store.releases.archives import (
    CARD,
    Card,
    digest_of,
    read_card,
    verified,
    verified_folder,
)
from ebm_tf.store.releases.cards import summary
from ebm_tf.store.releases.installed import (
    all_installed,
    is_other_than_shipped,
    listed_digest,
    read_index,
)
from ebm_tf.store.releases.installing import found_release, install

_USAGE = "python3 tools/release.py pack RUN | verify SOURCE | install SOURCE | list"
_MEASURED = flags.DEFINE_multi_string(
    "measured", [], "pack: a run that measured these weights; may be repeated."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "pack: folder of archives; releases/ of the program if not given."
)
_LICENCE = flags.DEFINE_string("licence", "MIT", "pack: licence of the weights.")
_ALLOW_NO_FIGURES = flags.DEFINE_bool(
    "allow_no_figures", False, "pack: also a model that nobody measured."
)
_MAX_MEGABYTES = flags.DEFINE_float(
    "max_megabytes", None, "pack: refuse a larger archive.", lower_bound=0.0
)
_REPLACE = flags.DEFINE_bool(
    "replace", False, "pack: also where another archive of this name is."
)
_ADDRESS = flags.DEFINE_string(
    "address", None, "pack: where the archive will be found on the web."
)
_SHA256 = flags.DEFINE_string("sha256", None, "install: what the archive must have.")
_AGAIN = flags.DEFINE_bool("again", False, "install: also what is installed already.")


def pack_run(run: str) -> None:
    """Packs a run."""
    output = _OUTPUT.value or release_index.SHELF
    print(f"Packing {run}", flush=True)
    from ebm_tf.store.releases.packing import pack  # TensorFlow, which takes seconds

    entry = pack(
        run,
        output,
        measured=_MEASURED.value,
        licence=_LICENCE.value,
        allow_no_figures=_ALLOW_NO_FIGURES.value,
        max_megabytes=_MAX_MEGABYTES.value,
        address=_ADDRESS.value,
        replace=_REPLACE.value,
    )
    print(f"{entry.name}: {entry.figures}; sha256 {entry.sha256}")
    print(f"Wrote {entry.bytes:,} bytes: {os.path.join(output, entry.file)}")


def verify(source: str) -> None:
    """Checks a release, or all archives in a folder, and says what is in it."""
    path = found_release(source)
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, CARD)):
        archives = [entry.file for entry in read_index(path).values()]
        if not archives:
            raise WeightsError(f"{path} holds no release and no archive of one.")
        for file in archives:
            _verify_one(os.path.join(path, file))
    else:
        _verify_one(path)


def _verify_one(path: str) -> None:
    card = verified_folder(path) if os.path.isdir(path) else _verified_archive(path)
    print(f"{card['name']}: {card.get('description', '')}")
    print(summary(card["figures"], most=len(card["figures"])))
    for name, facts in card["files"].items():
        print(f"{facts['sha256']}  {facts['bytes']:>12,}  {name}")
    print(f"All {len(card['files'])} files are as the card of {path} says.")


def _verified_archive(path: str) -> Card:
    listed, found = listed_digest(path), digest_of(path)
    if listed not in (None, found):
        raise WeightsError(
            f"Expected SHA-256 {listed} of {path}, as the index beside it says, got "
            f"{found}. Get it anew."
        )
    return verified(path)


def install_source(source: str) -> None:
    """Installs one release, or those in a folder."""
    install(source, sha256=_sha256(), again=_AGAIN.value)


def _sha256() -> str | None:
    """What --sha256 says, as this program writes it."""
    given = _SHA256.value
    if given is not None and not re.fullmatch("[0-9a-f]{64}", given.lower()):
        raise WeightsError(f"Expected --sha256={given} to have 64 hexadecimal digits.")
    return given and given.lower()


def show() -> None:
    """Lists installed releases and others, a line each."""
    here, others = all_installed(), read_index(release_index.SHELF)
    for name in sorted({*here, *others}):
        print(f"{name}  {_state(name)}")
    if not here and not others:
        print("No release is here: install FILE_OR_ADDRESS")


def _state(name: str) -> str:
    found = all_installed().get(name)
    if found:
        card = read_card(found.folder)
        told = f"installed in {found.folder}  {summary(card['figures'])}"
        differs = "  differs from the one that comes with the program"
        return told + (differs if is_other_than_shipped(name, found.sha256) else "")
    entry = read_index(release_index.SHELF)[name]
    path = os.path.join(release_index.SHELF, entry.file)
    if not os.path.exists(path):
        place = f"at {entry.address}" if entry.address else f"missing: {path}"
        return f"{place}  {entry.bytes:,} bytes  {entry.figures}"
    told = entry.figures or summary(read_card(path)["figures"])
    return f"comes with the program  {entry.bytes:,} bytes  {told}"


COMMANDS = {"pack": pack_run, "verify": verify, "install": install_source, "list": show}


def work(subcommand: str, *words: str) -> None:
    """Runs a subcommand on its words."""
    if subcommand not in COMMANDS or len(words) != (subcommand != "list"):
        raise ConfigError(f"expected {_USAGE}")
    COMMANDS[subcommand](*words)


if __name__ == "__main__":
    stopped = "the same command goes on, or begins again"
    sys.exit(tool.main(work, _USAGE, (1, 2), interrupted=stopped))
