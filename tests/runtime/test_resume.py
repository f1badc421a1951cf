"""Runs that are stopped in every way end as if they had never been stopped."""

import contextlib
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests import runs
from tests.slow import first_fast


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    """A run that was never stopped."""
    return runs.learn(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def luck() -> random.Random:
    """Other moments every time; the seed is shown where a test fails."""
    seed = time.time_ns()
    print("random moments of seed", seed)
    return random.Random(seed)


def start_tiny(output: pathlib.Path):
    """Starts a run and waits for its folder and its first saved update."""
    process = runs.start(runs.DIGITS, "--output", output, *runs.assignments())
    runs.wait_until(process, lambda: runs.run_folder(output) is not None)
    folder = runs.run_folder(output)
    assert folder is not None
    runs.wait_until(process, lambda: saved_beyond(folder, 1))
    return process, folder


def saved_beyond(folder: pathlib.Path, step: int) -> bool:
    return max(runs.saved_steps(folder), default=0) >= step


def in_a_save(folder: pathlib.Path) -> bool:
    """Whether a checkpoint is being written."""
    return any(runs.checkpoint_folder(folder).glob("*.npz.*.partial"))


def between_files(folder: pathlib.Path) -> bool:
    """Whether a checkpoint's arrays are there and its manifest is not."""
    arrays = runs.checkpoint_folder(folder).glob("*.npz")
    return bool({int(path.stem) for path in arrays} - set(runs.saved_steps(folder)))


def in_a_weight_file(folder: pathlib.Path) -> bool:
    return any((folder / "weights").glob("*.partial"))


def is_killed_at(process, folder, goal, moment) -> bool:
    """Whether the moment came, beyond the goal and before the run's own end."""
    while process.poll() is None:
        if saved_beyond(folder, goal) and moment(folder):
            process.kill()
            return runs.finish(process).code == -signal.SIGKILL
        time.sleep(0.0005)
    assert runs.finish(process).code == 0
    return False


def kill_on_the_way(folder: pathlib.Path, process, moment, luck: random.Random) -> bool:
    """Whether a run was killed at the moment, a few updates from now."""
    goal = max(runs.saved_steps(folder), default=0) + luck.choice([3, 6])
    killed = is_killed_at(process, folder, goal, moment)
    print(f"{killed=} {moment.__name__} after", runs.saved_steps(folder))
    return killed


def ends_as(whole: pathlib.Path, folder: pathlib.Path) -> None:
    """Resumes a run for the last time, and compares it with one without a stop."""
    if not (folder / "results.json").exists():
        done = runs.run_program("--resume", folder)
        assert (done.code, done.err) == (0, "")
        assert done.folder == folder
    runs.assert_same_run(folder, whole)


MOMENTS = [in_a_save, between_files, in_a_weight_file]


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path, whole, luck):
    process, folder = start_tiny(tmp_path)
    time.sleep(luck.uniform(0, 0.2))
    process.kill()
    assert runs.finish(process).code == -signal.SIGKILL
    for moment in luck.sample(MOMENTS, 3):
        process = runs.start("--resume", folder)
        if not kill_on_the_way(folder, process, moment, luck):
            break
    else:
        # At any time at all, also while TensorFlow loads.
        process = runs.start("--resume", folder)
        time.sleep(luck.uniform(0, 5))
        process.kill()
        assert runs.finish(process).code == -signal.SIGKILL
    ends_as(whole, folder)


@pytest.mark.parametrize(
    "signals", first_fast([signal.SIGTERM], [signal.SIGTERM, signal.SIGINT])
)
def test_signals_save_and_say_how_to_resume_and_a_kill_loses_nothing(
    tmp_path, whole, luck, signals
):
    process, folder = start_tiny(tmp_path)
    for number in signals:
        time.sleep(luck.uniform(0, 0.2))
        process.send_signal(number)
        done = runs.finish(process)
        assert (done.code, done.err) == (3, ""), done
        step = runs.saved_steps(folder)[-1]
        *_, told, hint, last = done.out.splitlines()
        assert told == (
            f"Stopped by {number.name} and saved after {step} of 48 updates."
        )
        assert last == str(folder)
        assert hint.endswith(f"ebm_tf/train.py --resume {folder}")
        assert told in (folder / "log.txt").read_text()
        assert not (folder / "results.json").exists()
        _, program, *arguments = shlex.split(hint.partition(": ")[2])
        process = runs.start(*arguments, program=[program], cwd=runs.ROOT)
        if number != signals[-1]:
            runs.wait_until(process, lambda goal=step + 1: saved_beyond(folder, goal))
    kill_on_the_way(folder, process, luck.choice(MOMENTS), luck)
    ends_as(whole, folder)


@pytest.mark.slow
def test_damaged_checkpoints_are_named_and_the_one_before_is_used(tmp_path, whole):
    folder = tmp_path / whole.name
    shutil.copytree(whole, folder)
    (folder / "results.json").unlink()
    one, two, three = (
        runs.checkpoint_folder(folder) / f"{step:08d}.npz"
        for step in runs.saved_steps(folder)
    )
    content = bytearray(three.read_bytes())
    content[len(content) // 2] ^= 1
    three.write_bytes(content)
    two.write_bytes(two.read_bytes()[:-7])
    done = runs.run_program("--resume", folder)
    assert (done.code, done.err) == (0, "")
    named = [line for line in done.out.splitlines() if "is damaged" in line]
    assert [str(three) in named[0], str(two) in named[1]] == [True, True]
    assert str(one) not in done.out
    runs.assert_same_run(folder, whole)


@pytest.mark.slow
def test_sigterm_while_samples_are_drawn_says_how_to_resume(tmp_path):
    settings = runs.assignments(num_updates=3, samples__num_steps=30_000)
    process = runs.start(runs.DIGITS, "--output", tmp_path, *settings)
    runs.wait_until(process, lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    runs.wait_until(process, lambda: saved_beyond(folder, 3))
    time.sleep(1)
    process.terminate()
    done = runs.finish(process)
    assert (done.code, done.err) == (3, "")
    assert done.out.splitlines()[-1] == str(folder)


@contextlib.contextmanager
def small_disk(path: pathlib.Path) -> Iterator[None]:
    """A file system of 1.5 MB at a folder."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(path)]
    if shutil.which("mount") is None or subprocess.run(mount).returncode:
        pytest.skip("no permission to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.slow
def test_a_full_disk(tmp_path, whole):
    folder = tmp_path / whole.name
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("checkpoints"))
    (folder / "results.json").unlink()
    with small_disk(folder / "checkpoints"):
        shutil.copytree(runs.checkpoint_folder(whole), runs.checkpoint_folder(folder))
        for suffix in ("json", "npz"):
            (runs.checkpoint_folder(folder) / f"00000048.{suffix}").unlink()
        ballast = folder / "checkpoints" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1024))
        done = runs.run_program("--resume", folder)
        assert done.code == 2, done
        (line,) = done.err.splitlines()
        assert line.startswith("error: Cannot write ") and "00000048.npz" in line
        assert "No space left on device" in line
        assert runs.saved_steps(folder) == [42, 45]
        ballast.unlink()
        done = runs.run_program("--resume", folder)
        assert (done.code, done.err) == (0, "")
        runs.assert_same_run(folder, whole)
