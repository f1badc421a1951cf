"""The wheel: what `pip install` leaves works in any folder, with all configs."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

from tests.runs import ROOT

COPIED = ("ebm_tf", "configs", "configs_attack", "configs_fid", "releases")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> pathlib.Path:
    """The installed command, in an environment that has the dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    source, wheels, place = (folder / name for name in ("source", "wheels", "venv"))
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    offline = ("--no-deps", "--no-index", "-q")
    pip(sys.executable, "wheel", source, "--no-build-isolation", "-w", wheels, *offline)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (python,) = (place / "lib").glob("python*")
    shared = python / "site-packages" / "dependencies.pth"
    shared.write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = wheels.glob("*.whl")
    pip(
        sys.executable, "--python", place / "bin" / "python", "install", wheel, *offline
    )
    return place / "bin" / "ebm-tf"


def pip(python: str, *words: object) -> None:
    environment = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    line = [python, "-m", "pip", *map(str, words)]
    subprocess.run(line, check=True, env=environment, capture_output=True)


def run(*words: object, cwd: pathlib.Path) -> subprocess.CompletedProcess[str]:
    environment = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    environment["EBM_TF_RELEASES"] = str(cwd / "unpacked")
    return subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_command_lists_and_runs_what_is_bundled(command, tmp_path):
    listed = run(command, "configs", cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert sorted(names) == sorted(path.stem for path in ROOT.glob("configs*/*.py"))
    (line,) = (line for line in listed.stdout.splitlines() if "digits_nonconv " in line)
    assert line.split(maxsplit=1)[1].startswith("Short-run EBM of handwritten digits")

    shown = run(command, "--help", cwd=tmp_path)
    assert shown.stdout.startswith("ebm-tf CONFIG [flags]\n")
    for path in (ROOT / "ebm_tf").glob("*.py"):
        if f'main("{path.stem}")' in path.read_text():
            assert f"\n  {path.stem}: " in shown.stdout

    dry = run(command, "train", "digits_nonconv", "--dry_run", cwd=tmp_path)
    assert (dry.returncode, dry.stderr) == (0, ""), dry
    assert dry.stdout.startswith("ebm_tf train: digits_nonconv\n")
    wrong = run(command, "fid", "digits_nonconv", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "run ebm-tf train digits_nonconv" in wrong.stderr


@pytest.mark.slow
def test_a_run_and_a_config_of_the_user_find_what_is_bundled(command, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import dataclasses\n"
        "from configs_fid.digits_generator import config as theirs\n"
        "config = dataclasses.replace(theirs, name='mine', num_samples=20, batch=20)\n"
    )
    done = run(command, "fid", "mine.py", "--output", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done
    folder = tmp_path / done.stdout.splitlines()[-1]
    results = json.loads((folder / "results.json").read_text())
    assert results["name"] == "mine" and results["frechet_pixels"] > 0
    assert "unpacked" in results["weights"]["generator"]


@pytest.mark.slow
def test_it_is_imported_with_its_version(command, tmp_path):
    program = (
        "import ebm_tf, importlib.metadata as m;"
        "assert ebm_tf.__version__ == m.version('ebm_tf');"
        "print(ebm_tf.__file__, ebm_tf.open_config('digits_dsm').name)"
    )
    done = run(command.parent / "python", "-c", program, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done
    path, name = done.stdout.split()
    assert path.startswith(str(command.parents[1])) and name == "digits_dsm"
