"""What a user types and what is answered, before TensorFlow is needed and after."""

import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from ebm_tf.models import sngan
from tests import runs
from tests.runs import DIGITS, ROOT, assignments, run_here, run_program

FOREIGN = """
import dataclasses
from typing import ClassVar
from ebm_tf.config.core import Experiment

@dataclasses.dataclass(frozen=True, kw_only=True)
class Other(Experiment):
    executable: ClassVar[str] = "fid"

config = Other(name="other")
"""
# Stands in for TensorFlow where only the moment of its import is asked for.
STAND_IN = 'import os; print("TENSORFLOW", flush=True); os._exit(9)'


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """An empty working directory."""
    path = tmp_path / "here"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> dict[str, str]:
    """An environment in which importing TensorFlow is seen, and the end."""
    path = tmp_path_factory.mktemp("stand_in")
    (path / "tensorflow").mkdir()
    (path / "tensorflow" / "__init__.py").write_text(STAND_IN)
    return {"PYTHONPATH": str(path)}


# Imports as a program does, and then what Keras was not to find.
IMPORTS = """
import gc, sys
from ebm_tf.runtime.launch import quick_imports
with quick_imports():
    import keras
loaded = {"sklearn", "matplotlib"} & set(sys.modules)
import matplotlib.pyplot, sklearn.base
print(loaded, gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def assert_mistake(done: runs.Done, message: str) -> None:
    """Code 2 and a line that names what is wrong."""
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and message in line


def test_help_lists_every_flag(folder, quick):
    done = run_program("--help", cwd=folder, env=quick)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("python3 ebm_tf/train.py CONFIG [flags]\n")
    for flag in "set resume output data_dir device dry_run verbose help".split():
        assert f"\n  --{flag}: " in done.out
    assert "\n\nLearns an energy-based model.\n\n" in done.out
    done = run_program("--help", program=("-m", "ebm_tf"), cwd=ROOT, env=quick)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("python3 -m ebm_tf CONFIG [flags]\n")


def test_help_of_measure_names_its_two_sets_and_its_settings(folder, quick):
    measure = ROOT / "ebm_tf" / "measure.py"
    done = run_program("--help", program=[measure], cwd=folder, env=quick)
    assert (done.code, done.err) == (0, "")
    head = "python3 ebm_tf/measure.py IMAGES REFERENCE [flags]\n\nCompares two sets of"
    assert done.out.startswith(head)
    for setting in ("images", "reference", "features", "network.pixel_range"):
        assert f"\n  {setting}: " in done.out


def test_what_is_read_no_further_is_no_error(folder, quick):
    line = f"{sys.executable} {runs.TRAIN} --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=os.environ | quick,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("program", [(runs.TRAIN,), ("-m", "ebm_tf")])
def test_the_first_line_comes_before_tensorflow(folder, quick, program):
    begun = time.monotonic()
    if program == (runs.TRAIN,):
        done = run_program("../../configs/x/../digits_nonconv.py", cwd=folder)
        assert_mistake(done, "No config file ../../configs/x/../digits_nonconv.py")
    done = run_program(
        DIGITS, program=program, cwd=ROOT if program[0] == "-m" else folder, env=quick
    )
    assert done.out == "ebm_tf train: digits_nonconv\nTENSORFLOW\n"
    assert time.monotonic() - begun < 2 * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Expected one config file: python3 ebm_tf/train.py CONFIG."),
        ([DIGITS, DIGITS], "Expected one config file"),
        ([DIGITS, "--nonsense"], "nonsense"),
        ([DIGITS, "--resum=x"], "resum"),
        ([DIGITS, "--output"], "output"),
        (
            ["--resume", "--output", "x"],
            "after --resume, got the flag --output (--help",
        ),
        ([DIGITS, "--set", "--dry_run"], "after --set, got the flag --dry_run"),
        (["digits_nonconv.py"], "No config file digits_nonconv.py."),
        ([ROOT / "configs/digit_nonconv.py"], f"did you mean {DIGITS}"),
        ([ROOT / "configs"], "No config file"),
        ([ROOT / "README.md"], ""),
        (["broken.py"], "broken.py: ZeroDivisionError: division by zero"),
        (["syntax.py"], "syntax.py: SyntaxError"),
        (["empty.py"], "Expected empty.py to define `config`"),
        ([DIGITS, "--set", "batches=3"], "'batches'; the nearest are batch"),
        ([DIGITS, "--set", "langevin.nose=3"], "'nose'; the nearest are noise"),
        ([DIGITS, "--set", "batch"], "Expected --set batch as key.path=value."),
        ([DIGITS, "--set", "batch=many"], "batch='many' to be of type int."),
        ([DIGITS, "--set", "batch=2.5"], "batch=2.5 to be of type int."),
        ([DIGITS, "--set", "langevin=3"], "langevin=3 to be of type Langevin | "),
        ([DIGITS, "--set", "langevin.noise=-0.1"], "noise=-0.1 >= 0."),
        ([DIGITS, "--set", "langevin.drift=-1"], "drift=-1.0 > 0."),
        ([DIGITS, "--set", "batch=2001"], "batch=2001 to be at most bank_size=2000."),
        ([DIGITS, "--set", "batch=0"], "batch=0 > 0."),
        ([DIGITS, "--set", "temperature=0"], "temperature=0.0 > 0."),
        ([DIGITS, "--set", "chains.rejuvenation=1.5"], "rejuvenation=1.5 in [0, 1]."),
        ([DIGITS, "--set", "data.channels=2"], "channels=2 to be 1 or 3."),
        ([DIGITS, "--device", "gpus"], "device='gpus'"),
        (["foreign.py"], "run python3 ebm_tf/fid.py --output out foreign.py"),
        (["foreign.py", "--output", "my runs"], "foreign.py --output 'my runs'"),
    ],
)
def test_mistakes_that_are_told_before_tensorflow(folder, quick, arguments, message):
    texts = {"broken": "1 / 0", "syntax": "config = (", "empty": "", "foreign": FOREIGN}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    before = sorted(folder.rglob("*"))
    done = run_program("--output", "out", *arguments, cwd=folder, env=quick)
    assert_mistake(done, message)
    assert done.out == ""
    after = sorted(folder.rglob("*"))
    assert [path for path in after if "__pycache__" not in path.parts] == before


@pytest.mark.parametrize(
    ("executable", "program"), [("fid", "ebm_tf/fid.py"), (None, "-m ebm_tf")]
)
def test_every_executable_tells_its_own_name(folder, executable, program):
    done = run_here(executable=executable, cwd=folder)
    assert_mistake(done, f"Expected one config file: python3 {program} CONFIG.")


DAMAGED = "damaged.weights.h5"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["batch=21"], "Expected batch=21 to be divisible by 2 replicas."),
        (["data.name=digit"], "Unknown dataset 'digit': did you mean digits?"),
        (["data.name=celeb_a"], "python3 tools/prepare_data.py celeb_a RAW_FOLDER"),
        (["data.name=imagenet2012", "data.directory=d"], "under d: run python3 tools/"),
        (["data.split=test"], "has no split 'test': it has train"),
        (["data.split=train[:10]"], "10 examples, fewer than one batch=20"),
        (["data.image_size=7"], "image_size=7"),
        (["energy.architecture=resnet"], "architecture='resnet' of a Network to be"),
        (["energy.activation=rely"], "rely"),
        (["energy.weights=none"], "No weights at none: expected a file"),
        (["energy.weights=" + DAMAGED], f"The weight file {DAMAGED} is damaged."),
        (["device=gpu"], "TensorFlow sees no GPU: run with --device cpu"),
    ],
)
def test_mistakes_that_are_told_after_it(folder, arguments, message):
    (folder / DAMAGED).write_text("no weights")
    changes = [text for change in arguments for text in ("--set", change)]
    done = run_here(DIGITS, *assignments(), *changes, "--output", "out", cwd=folder)
    assert_mistake(done, message)
    assert done.out == "ebm_tf train: digits_nonconv\n"
    assert not list(folder.glob("out/*/*")), "no run folder is left behind"


def test_an_output_folder_that_cannot_be_written(folder):
    (folder / "file").write_text("mine")
    done = run_here(DIGITS, *assignments(), "--output", "file", cwd=folder)
    assert_mistake(done, "Cannot write the output folder file/digits_nonconv")
    assert (folder / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["none", "other"])
def test_a_folder_that_is_no_run_cannot_be_resumed(folder, name):
    (folder / "other").mkdir()
    done = run_here("--resume", name, cwd=folder)
    assert_mistake(done, f"{name} is not the folder of a run: it has no config.json.")
    assert done.out == f"ebm_tf: going on with {name}\n"
    assert [p.name for p in folder.iterdir()] == ["other"]


def test_a_dry_run_tells_all_and_writes_nothing(folder):
    done = run_here(DIGITS, *assignments(), "--dry_run", executable=None, cwd=folder)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "ebm_tf train: digits_nonconv"
    assert '  "num_updates": 48,' in lines
    *_, energy, replicas, bank, data = lines
    assert re.fullmatch(r"energy: sngan_energy_8, [\d,]+ parameters", energy)
    assert replicas == "replicas: 2, each a batch of 10"
    assert bank == f"bank: 60 chains, {60 * 4 * (64 + 1):,} bytes"
    assert data == "data: 100 images of digits, scikit-learn"
    assert not list(folder.iterdir())


@pytest.mark.slow
def test_weights_of_another_network_in_a_process_of_its_own(folder):
    """Outside of pytest, which catches them, no warning of a library may be seen."""
    path = folder / "wide.weights.h5"
    sngan.energy(8, 1, width=6).save_weights(path)
    settings = assignments(energy__weights=path)
    done = run_program(DIGITS, *settings, "--output", "out", cwd=folder)
    assert done.code == 2 and not list(folder.glob("out/*/*"))
    assert_mistake(done, f"The weights {path} do not fit the energy")


def test_a_process_says_only_what_the_program_says():
    """The whole output of a dry run in a process with one device."""
    done = run_program(
        *("configs/digits_nonconv.py", "--dry_run", "--device", "cpu"),
        program=("-m", "ebm_tf"),
        cwd=ROOT,
    )
    assert (done.code, done.err) == (0, "")
    *_, energy, replicas, bank, data = done.out.splitlines()
    assert "energy: " in energy and energy.endswith(" parameters")
    assert replicas == "replicas: 1, each a batch of 100"
    assert bank == f"bank: 2,000 chains, {2000 * 4 * 65:,} bytes"
    assert data == "data: 1,797 images of digits, scikit-learn"


@pytest.mark.slow
def test_keras_alone_does_not_find_what_it_need_not_import():
    command = [sys.executable, "-c", IMPORTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "set() True True", done.stderr


def test_a_flag_for_data_of_a_config_without_data_is_told(folder):
    compare = ROOT / "ebm_tf" / "compare.py"
    done = run_program(
        "configs/knowledge.py", "--data_dir", "x", program=[compare], cwd=ROOT
    )
    assert_mistake(done, "Expected no --data_dir: knowledge has no data.")
