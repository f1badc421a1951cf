"""The command line of tools/export_images.py."""

import pathlib
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from ebm_tf import pixels
from ebm_tf.config.kinds import to_json
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.segments import save_samples
from tests.runs import measuring, tiny
from tests.tools.here import run_here

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "export_images.py"


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(TOOL), *map(str, arguments)]


def files(folder: pathlib.Path) -> set[pathlib.Path]:
    return set(folder.rglob("*"))


def write_run(folder: pathlib.Path, num_samples: int) -> None:
    config = measuring(tiny(), "none", num_samples=num_samples)
    Workspace(str(folder)).write("config.json", to_json(config))


def write_samples(folder: pathlib.Path, num_steps: int, *rounds: np.ndarray) -> None:
    for index, images in enumerate(rounds):
        floats = pixels.from_bytes(images).numpy()
        save_samples(Workspace(str(folder)), num_steps, index, floats)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def exported(folder: pathlib.Path) -> np.ndarray:
    """The array, after a look whether the PNGs are the same images."""
    with np.load(folder / "samples.npz") as stored:
        assert stored.files == ["arr_0"]
        images = stored["arr_0"]
    assert images.dtype == np.uint8
    names = sorted(path.name for path in (folder / "images").iterdir())
    assert names == [f"{index:05d}.png" for index in range(len(images))]
    for name, image in zip(names, images, strict=True):
        with Image.open(folder / "images" / name) as picture:
            assert picture.format == "PNG"
            assert picture.mode == {1: "L", 3: "RGB"}[image.shape[-1]]
            np.testing.assert_array_equal(np.array(picture), image.squeeze())
    return images


def test_exports_what_was_measured(tmp_path):
    """As many images as were measured, in their order, after the most steps."""
    first, second = noise(0, 6, 4, 5, 1), noise(1, 6, 4, 5, 1)
    write_run(tmp_path / "run", num_samples=10)
    write_samples(tmp_path / "run", 2, second, first)
    write_samples(tmp_path / "run", 10, first, second)
    done = run_here(TOOL, "run/", "new/out", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Exporting the samples of run/",
        "Wrote 10 images after 10 Langevin steps: new/out/images, new/out/samples.npz",
    ]
    out = tmp_path / "new" / "out"
    np.testing.assert_array_equal(exported(out), np.concatenate([first, second[:4]]))
    assert {path.name for path in out.iterdir()} == {"images", "samples.npz"}
    assert {path.name for path in out.parent.iterdir()} == {"out"}
    assert out.stat().st_mode == (tmp_path / "run").stat().st_mode
    # What can be read as it streams: uncompressed, in the oldest format, in C order.
    with zipfile.ZipFile(out / "samples.npz") as archive:
        (member,) = archive.infolist()
        assert member.compress_type == zipfile.ZIP_STORED
        with archive.open(member) as file:
            assert np.lib.format.read_magic(file) == (1, 0)
            header = np.lib.format.read_array_header_1_0(file)
    assert header == ((10, 4, 5, 1), False, np.dtype(np.uint8))


def test_grey_images_become_rgb(tmp_path):
    """Into an empty folder, and more than was measured where there is more."""
    grey = noise(0, 5, 4, 4, 1)
    write_run(tmp_path / "run", num_samples=3)
    write_samples(tmp_path / "run", 2, grey)
    write_samples(tmp_path / "run", 10, grey[::-1])
    (tmp_path / "out").mkdir()
    options = ["--rgb", "--num_steps", "2", "--limit=4"]
    done = run_here(TOOL, "run", "out", *options, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    images = exported(tmp_path / "out")
    np.testing.assert_array_equal(images, np.repeat(grey[:4], 3, axis=-1))


def test_coloured_images_of_a_sweep(tmp_path):
    coloured = noise(0, 3, 4, 4, 3)
    write_run(tmp_path / "run", num_samples=20)
    part = tmp_path / "run" / "update_00000012"
    floats = np.concatenate(
        [pixels.from_bytes(coloured), np.full([2, 4, 4, 3], np.nan)]
    )
    save_samples(Workspace(str(part)), 4, 0, floats)
    (part / "samples" / ".DS_Store").touch()
    done = run_here(TOOL, "run/update_00000012", "out", "--rgb", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "Note: 2 images are not finite and were left out.",
        "Note: The run is not finished: it will have 20 images.",
        "Wrote 3 images after 4 Langevin steps: out/images, out/samples.npz",
    ]
    np.testing.assert_array_equal(exported(tmp_path / "out"), coloured)
    whole = run_here(TOOL, "run", "other", folder=tmp_path)
    assert whole.returncode == 2
    assert whole.stderr == (
        "Error: run has no samples itself: it is a sweep, take run/update_00000012.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "expected python3 tools/export_images.py RUN OUTPUT"),
        (["run", "out", "--nonsense"], "Unknown command line flag 'nonsense'"),
        (["run", "out", "--limit", "0"], "--limit=0"),
        (["none", "out"], "none is not the folder of a run"),
        (["learned", "out"], "learned is a run of train.py, not of fid.py"),
        (["begun", "out"], "begun has no samples."),
        (["run", "out", "--num_steps", "3"], "after 3 Langevin steps, but after 2, 10"),
        (["run", "begun"], "Expected begun to be a new or an empty folder"),
        (["run", "begun/config.json/out"], "Cannot write begun/config.json/out: "),
        (["cut", "out"], "cut/samples/00000002/00001_0.npz is missing or damaged"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(tmp_path, arguments, message):
    images = noise(0, 4, 2, 2, 1)
    for name in ("run", "begun", "cut"):
        write_run(tmp_path / name, num_samples=4)
    learned = tmp_path / "learned"
    Workspace(str(learned)).write("config.json", to_json(tiny()))
    write_samples(tmp_path / "run", 2, images)
    write_samples(tmp_path / "run", 10, images)
    write_samples(tmp_path / "cut", 2, images, images)
    last = tmp_path / "cut" / "samples" / "00000002" / "00001_0.npz"
    last.write_bytes(last.read_bytes()[:-10])
    before = files(tmp_path)
    done = run_here(TOOL, *arguments, folder=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and message in line
    assert files(tmp_path) == before


def test_sigterm_leaves_nothing(tmp_path):
    write_run(tmp_path / "run", num_samples=30_000)
    write_samples(tmp_path / "run", 2, noise(0, 30_000, 8, 8, 3))
    before = files(tmp_path)
    process = subprocess.Popen(
        command("run", "out"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.glob(".exporting-*/*/images/00000.png")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "Stopped: nothing was written.\n"
    assert files(tmp_path) == before
