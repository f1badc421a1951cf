"""Packs trained models into releases, and installs releases.

python3 tools/release.py pack RUN [--measured RUN ...] [--output releases] [--replace]
python3 tools/release.py verify NAME_OR_FILE_OR_FOLDER
python3 tools/release.py install NAME_OR_FILE_OR_ADDRESS [--sha256 DIGEST]
python3 tools/release.py list

A release is one archive: the newest weights of a finished run (averaged, raw, selected,
and those of frozen networks), its config, the user's own files that the config
needs, versions, results, and a card, card.md for people and card.json for programs:
data, reported metrics with how they were measured, licence, and the SHA-256 of each
file.

  pack      writes NAME.zip into a folder and lists it in index.json there. --measured
            takes the folder of a run of fid.py or attack.py that measured these
            weights; its metrics and its command go into the card. Pack other models
            that a measurement used first: the card then names them release:NAME.
            Another archive of that name stays, unless --replace is given. --only_best
            packs of each network only the weights that the run means.
  verify    checks every file of an archive, of those in a folder, of an installed or
            unpacked release against its card, and lists the files.
  install   takes the name of a bundled release, an archive, a folder of archives, an
            unpacked release, or an http(s) address; a download that broke off is
            resumed. Nothing is unpacked before its hash is checked: that of --sha256,
            of the index, or of ADDRESS.sha256. An archive that holds files of a
            user's own, code or networks, is refused unless --allow_code is given.
            Where it replaces a bundled release, install NAME restores that one.
  list      shows what is installed and what could be.

Installed releases lie in ~/.cache/ebm_tf/releases, or in the folder EBM_TF_RELEASES.
Then release:NAME may stand wherever a config takes weights.
"""

import os
import pathlib
import re
import sys

from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.runtime import tool
from ebm_tf.store.releases import archives, index
from ebm_tf.store.releases.cards import LICENCE, summary
from ebm_tf.store.releases.index import BUNDLED_FOLDER, read_index
from ebm_tf.store.releases.installing import install, release_path

_USAGE = "python3 tools/release.py pack RUN | verify SOURCE | install SOURCE | list"
_MEASURED = flags.DEFINE_multi_string(
    "measured", [], "pack: a run that measured these weights; may be repeated."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "pack: folder of archives; that of the bundled ones if not given."
)
_LICENCE = flags.DEFINE_string("licence", LICENCE, "pack: licence of the weights.")
_ALLOW_NO_FIGURES = flags.DEFINE_bool(
    "allow_no_figures", False, "pack: also a model that was not measured."
)
_MAX_MEGABYTES = flags.DEFINE_float(
    "max_megabytes", None, "pack: refuse a larger archive.", lower_bound=0.0
)
_REPLACE = flags.DEFINE_bool(
    "replace", False, "pack: also where another archive of this name is."
)
_ONLY_BEST = flags.DEFINE_bool(
    "only_best", False, "pack: selected weights alone, averaged ones where none are."
)
_ADDRESS = flags.DEFINE_string(
    "address", None, "pack: where the archive will be found on the web."
)
_SHA256 = flags.DEFINE_string("sha256", None, "install: what the archive must have.")
_AGAIN = flags.DEFINE_bool("again", False, "install: also what is installed already.")
_ALLOW_CODE = flags.DEFINE_bool(
    "allow_code", False, "install: also archives with Python files that use would run."
)


def pack_run(run: str) -> None:
    """Packs a run."""
    output = _OUTPUT.value or BUNDLED_FOLDER
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
        only_best=_ONLY_BEST.value,
    )
    print(f"{entry.name}: {entry.figures}; sha256 {entry.sha256}")
    print(f"Wrote {entry.bytes:,} bytes: {os.path.join(output, entry.file)}")


def verify(source: str) -> None:
    """Checks a release, or all archives in a folder, and lists their files."""
    path = release_path(source)
    paths = [path]
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, archives.CARD)):
        paths = [os.path.join(path, entry.file) for entry in read_index(path).values()]
        if not paths:
            raise WeightsError(f"{path} holds no release and no archive of one.")
    for path in paths:
        _verify_one(path)


def _verify_one(path: str) -> None:
    if os.path.isdir(path):
        card = archives.verified_folder(path)
    else:
        listed, found = index.listed_digest(path), archives.digest_of(path)
        if listed not in (None, found):
            raise WeightsError(
                f"Expected SHA-256 {listed} of {path}, as in the index beside it, got "
                f"{found}. Get it again."
            )
        card = archives.verified(path)
    print(f"{card['name']}: {card.get('description', '')}")
    print(summary(card["figures"], most=len(card["figures"])))
    for name, facts in card["files"].items():
        print(f"{facts['sha256']}  {facts['bytes']:>12,}  {name}")
    print(f"All {len(card['files'])} files are as in the card of {path}.")


def install_source(source: str) -> None:
    """Installs one release, or those in a folder."""
    sha256 = _SHA256.value and _SHA256.value.lower()
    if sha256 and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise WeightsError(f"Expected --sha256={sha256} to have 64 hexadecimal digits.")
    install(source, sha256=sha256, again=_AGAIN.value, allow_code=_ALLOW_CODE.value)


def show() -> None:
    """Lists installed releases and others, a line each."""
    here, others = index.all_installed(), read_index(BUNDLED_FOLDER)
    for name in sorted({*here, *others}):
        if found := here.get(name):
            text = f"installed in {found.folder}  {_metrics(found.folder)}"
            if index.differs_from_bundled(name, found.sha256):
                text += "  differs from the bundled one"
            print(f"{name}  {text}")
        else:
            print(f"{name}  {_state(others[name])}")
    if not here and not others:
        print("No release is here: install FILE_OR_ADDRESS")


def _state(entry: index.Entry) -> str:
    path = index.bundled_archive(entry)
    if os.path.exists(path):
        return f"bundled  {entry.bytes:,} bytes  {entry.figures or _metrics(path)}"
    place = f"at {entry.address}" if entry.address else f"missing: {path}"
    return f"{place}  {entry.bytes:,} bytes  {entry.figures}"


def _metrics(path: str) -> str:
    return summary(archives.read_card(path)["figures"])


COMMANDS = {"pack": pack_run, "verify": verify, "install": install_source, "list": show}


def work(subcommand: str, *arguments: str) -> None:
    """Runs a subcommand with its arguments."""
    if subcommand not in COMMANDS or len(arguments) != (subcommand != "list"):
        raise ConfigError(f"expected {_USAGE}")
    COMMANDS[subcommand](*arguments)


if __name__ == "__main__":
    stopped = "the same command resumes, or starts again"
    sys.exit(tool.main(work, _USAGE, (1, 2), interrupted=stopped))
