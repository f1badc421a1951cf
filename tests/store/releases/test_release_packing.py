"""A run becomes a release that says what it is, and is used as the run was."""

import dataclasses
import json
import os
import pathlib
import shlex
import shutil
from typing import Any

import keras
import pytest

from configs.digits_clean import config as clean
from ebm_tf import compare
from ebm_tf.config import core
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.core import differing_fields, to_mapping
from ebm_tf.config.ebm import EbmExperiment
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.kinds import to_json
from ebm_tf.config.overrides import override
from ebm_tf.errors import RunError, WeightsError
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.store.releases import index as releases
from ebm_tf.store.releases.archives import digest_of, verified
from ebm_tf.store.releases.cards import command, reported_metrics
from ebm_tf.store.releases.index import read_index
from ebm_tf.store.releases.installing import install
from ebm_tf.store.releases.packing import pack, portable, portable_config, renaming
from ebm_tf.store.sources import find
from tests.runs import ROOT, learn_here, measuring, models_of, run_here, tiny

WEIGHTS = ("energy_00000009.weights.h5", "energy_average_00000009.weights.h5")


@pytest.fixture(autouse=True)
def bundled(tmp_path, monkeypatch):
    monkeypatch.setenv(releases.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(releases, "BUNDLED_FOLDER", str(tmp_path / "bundled"))
    return tmp_path / "bundled"


@pytest.fixture(scope="module")
def learned(digits_run) -> pathlib.Path:
    return digits_run[0]


@pytest.fixture(scope="module")
def measured(learned, tmp_path_factory) -> pathlib.Path:
    config = measuring(tiny(), learned)
    return learn_here(config, tmp_path_factory.mktemp("measured"))[0]


@pytest.fixture
def run(learned, tmp_path):
    """A copy that may be changed."""
    return pathlib.Path(shutil.copytree(learned, tmp_path / "digits_nonconv" / "time"))


def packed(run, bundled, **how) -> pathlib.Path:
    pack(str(run), str(bundled), **how)
    return bundled / "digits_nonconv.zip"


def test_what_is_packed(learned, measured, bundled):
    """The newest weights, the settings, the results and the cards, and no more."""
    card = verified(str(packed(learned, bundled, measured=[str(measured)])))
    assert set(card["files"]) == {
        *("config.json", "environment.json", "results.json", "card.md"),
        *(f"weights/{name}" for name in WEIGHTS),
    }
    for name in WEIGHTS:
        digest = digest_of(str(learned / "weights" / name))
        assert card["files"][f"weights/{name}"]["sha256"] == digest
    entry = read_index(str(bundled))["digits_nonconv"]
    path = bundled / "digits_nonconv.zip"
    assert entry.sha256 == digest_of(str(path))
    assert entry.bytes == path.stat().st_size and entry.address is None
    assert entry.figures.startswith("frechet_pixels ")
    assert sorted(os.listdir(bundled)) == ["digits_nonconv.zip", "index.json"]


def test_a_damaged_environment_is_reported(run, bundled):
    (run / "environment.json").write_text("{")
    with pytest.raises(RunError, match="environment.json is damaged: "):
        packed(run, bundled)


def test_the_same_run_makes_the_same_bytes(learned, run, bundled, tmp_path):
    first = packed(learned, bundled).read_bytes()
    assert packed(learned, bundled).read_bytes() == first
    assert packed(run, tmp_path / "elsewhere").read_bytes() == first


def test_a_card_says_what_was_measured_and_how(learned, measured, bundled):
    card = verified(str(packed(learned, bundled, measured=[str(measured)])))
    results = json.loads((measured / "results.json").read_text())
    by_metric = {figure["metric"]: figure for figure in card["figures"]}
    learned_by, fid = (
        figure for figure in card["figures"] if figure["metric"] == "frechet_pixels"
    )
    assert fid["value"] == results["frechet_pixels"] and fid["num_samples"] == 20
    assert fid["reference"] == "digits, split train[:100], 100 images"
    assert fid["features"] == "pixels" and fid["seed"] == 0 and fid["num_steps"] == 4
    assert by_metric["kernel_pixels"]["stderr"] == results["kernel_pixels_stderr"]
    assert learned_by["reference"] == "digits, split train[:100]"
    assert learned_by["measurement"] != fid["measurement"]
    run = card["measurements"][fid["measurement"]]
    assert run["command"].startswith("python3 ebm_tf/fid.py ")
    assert run["config"]["weights"] == "release:digits_nonconv"
    assert card["data"] == {
        "name": "digits",
        "split": "train[:100]",
        "image_size": 8,
        "channels": 1,
    }
    keras.utils.clear_session()
    network = models_of(tiny()).energy
    facts = card["networks"]["energy"]
    assert facts["parameters"] == network.count_params()
    assert facts["architecture"] == "sngan"
    assert card["licence"]["weights"] == "MIT" and card["licence"]["data"]
    assert set(card["versions"]) == {"python", "packages", "revision"}


def test_the_text_of_a_card_has_all_of_it(learned, measured, bundled, tmp_path):
    path = packed(learned, bundled, measured=[str(measured)], licence="CC0-1.0")
    card = verified(str(path), str(tmp_path / "whole"))
    text = (tmp_path / "whole" / "card.md").read_text()
    assert text.startswith("# digits_nonconv\n\nShort-run EBM of handwritten digits")
    for facts in [f for n, f in card["files"].items() if n != "card.md"]:
        assert facts["sha256"] in text
    for run in card["measurements"].values():
        assert run["command"] in text
    for figure in card["figures"]:
        assert f"| {figure['metric']} | {figure['value']:.4g}" in text
    assert "Weights: CC0-1.0." in text and card["description"] in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in rows}) <= 3, "three tables"


def test_commands_in_a_card_make_the_very_config(learned, bundled):
    card = verified(str(packed(learned, bundled)))
    program, script, path, *rest = shlex.split(card["command"])
    assert (program, script) == ("python3", "ebm_tf/train.py")
    assert path == "configs/digits_nonconv.py" and set(rest[::2]) == {"--set"}
    made = override(core.load(str(ROOT / path)), rest[1::2])
    assert not differing_fields(made, tiny(), fixed_only=False)


def test_nothing_tells_of_the_folders_of_a_machine(run, measured, bundled, tmp_path):
    """Neither those of runs nor those of data."""
    config = dataclasses.replace(
        tiny(),
        data=dataclasses.replace(tiny().data, directory=str(tmp_path / "data")),
        energy=dataclasses.replace(tiny().energy, weights=str(run)),
    )
    (run / "config.json").write_text(to_json(config))
    path = packed(run, bundled, measured=[str(measured)])
    verified(str(path), str(tmp_path / "whole"))
    for file in (tmp_path / "whole").glob("*.*"):
        text = file.read_text()
        for place in (tmp_path, measured.parents[2], pathlib.Path.home()):
            assert str(place) not in text, file.name
    card = json.loads((tmp_path / "whole" / "card.json").read_text())
    assert card["command"].endswith("--data_dir DATA")
    assert "energy.weights=release:digits_nonconv" in card["command"]


def test_a_release_is_used_as_the_run_was(learned, measured, bundled, tmp_path):
    """Installed, and measured by a command: the same figures."""
    install(str(packed(learned, bundled)), report=lambda _: None)
    config = measuring(tiny(), "release:digits_nonconv")
    folder, results = learn_here(config, tmp_path / "runs")
    expected = json.loads((measured / "results.json").read_text())
    assert (
        results["frechet_pixels"] == expected["frechet_pixels"]
        and results["kernel_pixels"] == expected["kernel_pixels"]
    )
    file = tmp_path / "cache" / "digits_nonconv" / "weights" / WEIGHTS[1]
    assert results["weights"] == {"energy": str(file)}
    kept = json.loads((folder / "config.json").read_text())
    assert kept["weights"] == "release:digits_nonconv"
    assert "learned with" not in (folder / "log.txt").read_text()
    again = packed(learned, bundled, measured=[str(folder)], replace=True)
    card = verified(str(again))
    assert "pixels" in {figure.get("features") for figure in card["figures"]}
    kind = read_config(releases.located("release:digits_nonconv"))
    assert not differing_fields(kind, tiny(), fixed_only=False)


def test_a_card_reproduces_its_own_figure(learned, measured, bundled, tmp_path):
    """Its command, as it stands there, on what is unpacked at first use."""
    card = verified(str(packed(learned, bundled, measured=[str(measured)])))
    _, figure = [f for f in card["figures"] if f["metric"] == "frechet_pixels"]
    _, script, *words = shlex.split(
        card["measurements"][figure["measurement"]]["command"]
    )
    assert script == "ebm_tf/fid.py"
    done = run_here(*words, "--output", tmp_path / "runs", executable="fid")
    assert done.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    assert results["frechet_pixels"] == figure["value"]


def test_a_comparison_takes_releases(learned, bundled, tmp_path):
    packed(learned, bundled)
    pixels = FeatureExtractor(name="pixels")
    config = Comparison(
        name="it",
        data=tiny().data,
        features=pixels,
        runs=("release:digits_nonconv",),
        batch=20,
    )
    file = tmp_path / "cache" / "digits_nonconv" / "weights" / WEIGHTS[1]
    assert f'0_digits_nonconv: {{"energy": "{file}"}}' in list(compare.describe(config))


def test_an_unfinished_run_is_refused(run, bundled):
    (run / "results.json").unlink()
    with pytest.raises(RunError, match="is not finished.*--resume"):
        pack(str(run), str(bundled))
    assert not bundled.exists()


def test_a_card_without_figures_is_refused(run, bundled):
    (run / "results.json").write_text('{"frechet_pixels": null, "num_samples": 20}')
    with pytest.raises(RunError, match="has no metrics to report: measure it"):
        pack(str(run), str(bundled))
    assert not bundled.exists()
    entry = pack(str(run), str(bundled), allow_no_figures=True)
    assert entry.figures == "no metrics"


def test_an_archive_that_is_too_large_is_refused(learned, bundled):
    with pytest.raises(RunError, match="would have .* more than --max_megabytes=0.001"):
        pack(str(learned), str(bundled), max_megabytes=0.001)
    assert not bundled.exists()
    pack(str(learned), str(bundled), max_megabytes=1.5)


def test_what_measured_other_weights_is_refused(learned, measured, run, bundled):
    """A run of the same config, but of another moment."""
    (run / "weights" / WEIGHTS[1]).unlink()
    with pytest.raises(RunError, match="did not measure the newest weights of"):
        pack(str(run), str(bundled), measured=[str(measured)])
    with pytest.raises(RunError, match="did not measure .* but none"):
        pack(str(learned), str(bundled), measured=[str(learned)])


def test_what_did_not_learn_is_refused(measured, bundled):
    with pytest.raises(WeightsError, match="of fid.py holds no weights: pack the run"):
        pack(str(measured), str(bundled))
    with pytest.raises(RunError, match="is not the folder of a run"):
        pack(str(bundled), str(bundled))


def test_an_address_stays_while_the_bytes_do(learned, run, bundled):
    address = "https://example.org/digits_nonconv.zip"
    assert pack(str(learned), str(bundled), address=address).address == address
    assert pack(str(run), str(bundled)).address == address
    assert pack(str(run), str(bundled), licence="CC0-1.0", replace=True).address is None


def test_another_archive_of_the_name_is_kept(learned, run, bundled):
    path = packed(learned, bundled)
    before, index = path.read_bytes(), (bundled / "index.json").read_bytes()
    message = "digits_nonconv.zip exists and holds something else: --replace"
    with pytest.raises(RunError, match=message):
        packed(run, bundled, licence="CC0-1.0")
    assert path.read_bytes() == before
    assert (bundled / "index.json").read_bytes() == index
    packed(run, bundled, licence="CC0-1.0", replace=True)
    assert path.read_bytes() != before


def test_a_release_is_packed_into_a_bucket(learned, bundled):
    pack(str(learned), "ram://bucket/releases")
    install("ram://bucket/releases/digits_nonconv.zip", report=lambda _: None)
    assert releases.located("release:digits_nonconv")


def test_what_others_hold_is_told_by_their_names(tmp_path):
    known = {"aa": "digits_clean"}
    rename = renaming(known, lambda source: ["aa"] if "clean" in source else ["bb"])
    assert rename("/home/me/runs/clean/time") == "release:digits_clean"
    assert rename("release:other") == "release:other"
    assert rename("/home/me/runs/digits_sat/time/") == "digits_sat/time"
    assert rename("runs/digits_sat/time") == "runs/digits_sat/time"
    assert rename("/home/me/features.pb") == "features.pb"
    file = "/home/me/runs/digits_sat/time/weights/energy_00000009.weights.h5"
    assert rename(file) == "digits_sat/time/weights/energy_00000009.weights.h5"


def test_texts_lose_folders_and_nothing_else():
    def same(source: str) -> str:
        return source

    for before, after in {
        "/home/me/a.h5 sha256 ab": "a.h5 sha256 ab",
        "~/data/moments.npz": "moments.npz",
        "C:\\data\\moments.npz": "moments.npz",
        "moments of /a/b.npz, 10 images": "moments of b.npz, 10 images",
        "https://example.org/a/b.zip": "https://example.org/a/b.zip",
        "digits, split train, 100 images": "digits, split train, 100 images",
        "8/255 of the range": "8/255 of the range",
    }.items():
        assert portable({"text": [before]}, same) == {"text": [after]}
    assert portable({"weights": None, "runs": []}, same) == {
        "weights": None,
        "runs": [],
    }


def test_a_published_config_has_its_own_command():
    for name in ("configs/digits_clean.py", "configs_fid/digits_longrun.py"):
        config = portable_config(core.load(str(ROOT / name)), lambda source: source)
        assert command(config, None) in {
            f"python3 ebm_tf/{config.executable}.py {name}"
        }
    odd = dataclasses.replace(clean, name="odd", weight_perturbation=None, seed=7)
    there = dataclasses.replace(odd.data, directory="/data")
    words = shlex.split(command(odd, there) or "")
    assert words[-2:] == ["--data_dir", "DATA"] and "seed=7" in words


def test_images_of_ones_own_are_named_without_their_place():
    config = core.load(str(ROOT / "configs" / "folder_nonconv.py"))
    assert isinstance(config, EbmExperiment)
    own = dataclasses.replace(config.data, path="/home/me/photos")
    config = dataclasses.replace(config, data=own)
    told = command(portable_config(config, lambda source: source), own) or ""
    assert told.endswith("configs/folder_nonconv.py --set data.path=PLACE")
    assert portable(to_mapping(config), str)["data"]["path"] is None


def test_the_figures_of_several_chain_lengths_are_told_apart(measured):
    results = json.loads((measured / "results.json").read_text())
    rows = [{"num_steps": n, "fid": 1.0 / n} for n in (2, 4)]
    config = read_config(str(measured))
    found = reported_metrics(config, results | {"by_num_steps": rows}, "it")
    told = [(f["num_steps"], f["value"]) for f in found if f["metric"] == "fid"]
    assert told == [(2, 0.5), (4, 0.25)]


def test_a_classifier_tells_its_test_split():
    results = {
        "test_accuracy": 0.97,
        "test_accuracy_interval": [0.95, 0.98],
        "num_images": 360,
        "pgd20_accuracy": float("nan"),
    }
    (figure,) = reported_metrics(clean, results, "it")
    assert figure["reference"] == f"digits, split {clean.test_split}"
    assert figure["interval"] == [0.95, 0.98] and figure["num_images"] == 360


OWN_CONFIG = """
import dataclasses
import numpy as np
from ebm_tf.config.ebm import EbmTraining
from tests.runs import tiny

@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(EbmTraining):
    strength: float = 0.5

def images(split, directory):
    return np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), np.uint8)

fields = {f.name: getattr(tiny(), f.name) for f in dataclasses.fields(EbmTraining)}
config = Mine(**fields | {"name": "mine", "strength": 0.25})
"""


@pytest.mark.slow
def test_a_release_carries_the_files_that_a_user_wrote(tmp_path, bundled):
    """A class and a dataset of a config file are packed, and installed if allowed."""
    file = tmp_path / "my_model.py"
    file.write_text(OWN_CONFIG)
    config = override(core.load(str(file)), [f"data.name={file}:images"])
    folder, _ = learn_here(config, tmp_path / "runs")
    entry = pack(str(folder), str(bundled))
    shutil.rmtree(tmp_path / "runs")
    file.unlink()
    archive = str(bundled / entry.file)
    assert verified(archive)["data"]["name"] == "own/my_model.py:images"
    for use in (lambda: find("release:mine"), lambda: install(archive)):
        with pytest.raises(WeightsError, match=r"own/my_model.py\): --allow_code"):
            use()
    assert not list((tmp_path / "cache").iterdir())
    install(archive, allow_code=True, report=lambda _: None)
    for _ in range(2):  # running its file leaves nothing that damages the release
        found: Any = find("release:mine")
        assert type(found.config).__name__ == "Mine" and found.config.strength == 0.25
    assert found.config.data.name == f"{found.folder}/own/my_model.py:images"
    assert pack("release:mine", str(tmp_path / "again")).sha256 == entry.sha256
    learn_here(measuring(found.config, "release:mine"), tmp_path / "measured")
