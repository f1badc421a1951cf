"""The command line of tools/prepare_data.py."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tests.data.raw_files import encoded, picture, write_mnist, write_zip
from tests.tools.here import run_here

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "prepare_data.py"


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(TOOL), *map(str, arguments)]


def test_it_prepares_and_says_how_to_use_it(tmp_path):
    write_mnist(tmp_path / "raw", train=20, test=10)
    done = run_here(TOOL, "mnist", "raw", "--data_dir", "out", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Preparing mnist from raw",
        f"Wrote mnist: 20 train, 10 test images. Use: --data_dir {tmp_path / 'out'}",
    ]


@pytest.mark.slow
def test_a_folder_whose_name_is_no_text_is_read(tmp_path):
    raw = tmp_path / os.fsdecode(b"\xff")
    write_zip(tmp_path / "a.zip", {"1.jpg": encoded(picture(9, 9, seed=0))})
    raw.mkdir()
    (tmp_path / "a.zip").rename(raw / "a.zip")
    # A process of its own, whose output takes nothing but text.
    words = command("celeb_a", raw / "a.zip", "--dry_run")
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(words, capture_output=True, env=strict, text=True)
    assert done.returncode == 0 and "Would write celeb_a: 1 train" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist"], "expected python3 tools/prepare_data.py DATASET RAW"),
        (["mnist", "raw", "--nonsense"], "Unknown command line flag 'nonsense'"),
        (["mnist", "none", "--data_dir", "out"], "none does not exist"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(tmp_path, arguments, message):
    done = run_here(TOOL, *arguments, folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_sigterm_leaves_nothing(tmp_path):
    image = encoded(picture(600, 600, seed=0))
    files = {f"{i:04d}.jpg": image for i in range(3000)}
    write_zip(tmp_path / "faces.zip", files)
    process = subprocess.Popen(
        command("celeb_a", "faces.zip", "--data_dir", "out"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob("out/.preparing-*/celeb_a/*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "Stopped: nothing was written.\n"
    assert not (tmp_path / "out").exists()
