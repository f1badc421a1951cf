"""A class of experiments and a dataset of the user's own, in files of their own."""

import json
import pathlib

import numpy as np
import pytest

from ebm_tf.config.kinds import neighbours
from ebm_tf.runtime import bundled
from tests.runs import assignments, run_here, saved_steps

EXPERIMENT = '''
import dataclasses
from configs.digits_nonconv import config as digits
from ebm_tf.config.core import require
from ebm_tf.config.ebm import EbmTraining
from shade import CONTRAST

@dataclasses.dataclass(frozen=True, kw_only=True)
class Faint(EbmTraining):
    """Has a setting of its own."""
    contrast: float = 1.0
    def validate(self):
        super().validate()
        require(self.contrast > 0, f"Expected contrast={self.contrast} > 0.")

values = {f.name: getattr(digits, f.name) for f in dataclasses.fields(digits)}
config = Faint(**values | {"name": "faint", "contrast": CONTRAST})
'''
NEIGHBOUR = "CONTRAST = 0.5"
DATASET = """
import numpy as np
def load(split, directory):
    return np.random.default_rng(0).integers(0, 256, [60, 8, 8, 1], np.uint8)
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> pathlib.Path:
    """A run whose user deletes all files and goes elsewhere."""
    place = tmp_path_factory.mktemp("own")
    files = place / "faint.py", place / "noise.py", place / "shade.py"
    for path, text in zip(files, (EXPERIMENT, DATASET, NEIGHBOUR), strict=True):
        path.write_text(text)
    settings = {"data__name": f"{files[1]}:load", "data__split": "train"}
    shorter = {"num_updates": 4, "save_every": 2, "samples__num_samples": 20}
    done = run_here(
        files[0], "--output", place / "runs", *assignments(**settings, **shorter)
    )
    assert (done.code, done.err) == (0, ""), done
    for path in files:
        path.unlink()
    return done.folder


def test_the_run_keeps_what_it_needs(learned):
    config = json.loads((learned / "config.json").read_text())
    assert config["type"] == "own/faint.py:Faint" and config["contrast"] == 0.5
    assert {path.name for path in (learned / "own").iterdir()} == {
        "faint.py",
        "noise.py",
        "shade.py",
    }
    kept = json.loads((learned / "environment.json").read_text())["own_files"]
    assert set(kept) == {"own/faint.py", "own/noise.py", "own/shade.py"}
    assert all(len(digest) == 64 for digest in kept.values())


def test_a_config_imports_the_files_beside_it(tmp_path):
    """Also where another config has a neighbour of the same name."""
    for number in (3, 4):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "common_values.py").write_text(f"SEED = {number}\n")
        (folder / "mine.py").write_text(
            "import dataclasses\nimport common_values\n"
            "from configs.digits_dsm import config as theirs\n"
            "config = dataclasses.replace(theirs, seed=common_values.SEED)\n"
        )
        assert bundled.open_config(str(folder / "mine.py")).seed == number
        assert neighbours(str(folder / "mine.py")) == [str(folder / "common_values.py")]


@pytest.mark.slow
def test_it_resumes(learned):
    done = run_here("--resume", learned, "--set", "num_updates=6")
    assert (done.code, done.err) == (0, ""), done
    assert saved_steps(learned)[-1] == 6
    done = run_here("--resume", learned, "--set", "contrast=0")
    assert done.code == 2 and "Expected contrast=0.0 > 0." in done.err


def test_it_is_measured(learned, tmp_path):
    words = ("weights", learned), ("data.split", "train[:40]"), ("num_samples", 20)
    words += ("batch", 20), ("num_steps", 2), ("energy.width", 4)
    flags = [text for name, value in words for text in ("--set", f"{name}={value}")]
    config = "configs_fid/digits_shortrun.py"
    done = run_here(config, "--output", tmp_path, *flags, executable="fid")
    assert (done.code, done.err) == (0, ""), done
    results = json.loads((done.folder / "results.json").read_text())
    assert np.isfinite(results["frechet_pixels"])
