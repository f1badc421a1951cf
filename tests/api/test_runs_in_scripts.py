"""`ebm_tf.run` is what an executable does with the same config."""

import dataclasses
import json
import pathlib

import pytest

import ebm_tf
from ebm_tf.config.ebm import EbmTraining
from ebm_tf.errors import ConfigError
from ebm_tf.models.catalogue import build
from ebm_tf.runtime import bundled, hardware
from tests.runs import DIGITS, ROOT, run_here

SETTINGS = {"num_samples": 20, "batch": 20, "num_steps": 3}


def test_a_config_is_named_by_its_name_its_file_or_itself(tmp_path, monkeypatch):
    config = ebm_tf.open_config("digits_nonconv")
    assert config == ebm_tf.open_config(DIGITS) == ebm_tf.open_config(config)
    assert isinstance(config, EbmTraining)
    with pytest.raises(ConfigError, match="No config file digit_nonconv."):
        ebm_tf.open_config("digit_nonconv")
    # A file of the user's comes first.
    monkeypatch.chdir(tmp_path)
    mine = "from configs.digits_dsm import config"
    pathlib.Path("digits_nonconv").mkdir()
    with pytest.raises(ConfigError, match="No config file digits_nonconv"):
        ebm_tf.open_config("digits_nonconv")
    pathlib.Path("mine.py").write_text(mine)
    assert ebm_tf.open_config("mine.py").name == "digits_dsm"


def test_every_config_has_a_name_of_its_own():
    files = bundled.config_files()
    assert sorted(files.values()) == sorted(ROOT.glob("configs*/*.py"))


def test_what_cannot_be_set_is_told(tmp_path):
    with pytest.raises(ConfigError, match="'batches'; the nearest are batch"):
        ebm_tf.run("digits_nonconv", settings={"batches": 3}, output=str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_auto_is_a_dtype_wherever_a_network_is_built():
    """It was known to the command line alone: a script got a KeyError."""
    config = dataclasses.replace(
        ebm_tf.open_config("digits_nonconv"), compute_dtype="auto", device="cpu"
    )
    assert isinstance(config, EbmTraining)
    network = build(config.energy, 8, 1, config.compute_dtype)
    names = {layer.compute_dtype for layer in network.layers} & {"float32", "bfloat16"}
    assert hardware.with_dtype(config).compute_dtype in names


@pytest.mark.slow
def test_a_run_is_that_of_the_executable(tmp_path, capsys):
    flags = [text for n, v in SETTINGS.items() for text in ("--set", f"{n}={v}")]
    config = "configs_fid/digits_shortrun.py"
    done = run_here(config, "--output", tmp_path / "a", *flags, executable="fid")
    assert done.code == 0, done
    ours = ebm_tf.run(
        "digits_shortrun", settings=SETTINGS, output=str(tmp_path / "b"), progress=False
    )
    assert capsys.readouterr() == ("", "")
    theirs = json.loads((done.folder / "results.json").read_text())
    kept = json.loads(pathlib.Path(ours.folder, "results.json").read_text())
    assert ours.results == theirs == kept and theirs["name"] == "digits_shortrun"


@pytest.mark.slow
def test_a_mistake_leaves_no_folder(tmp_path):
    with pytest.raises(ebm_tf.UserError, match="No weights at nowhere"):
        ebm_tf.run("digits_purify", settings={"weights": "nowhere", "images": "x"},
                   output=str(tmp_path), progress=False)  # fmt: skip
    assert list(tmp_path.iterdir()) == []
