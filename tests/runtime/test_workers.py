"""Two machines, played by two processes on this one."""

import contextlib
import json
import pathlib
import socket

import numpy as np
import pytest

from ebm_tf.sampling.segments import load_samples
from tests import runs

SHORT = {"num_updates": 6, "save_every": 2, "log_every": 3}


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def start_workers(*arguments: object, program: object = runs.TRAIN) -> list:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    return [
        runs.start(
            *arguments,
            program=[program],
            env={
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    }
                )
            },
        )
        for index in range(2)
    ]


def finish_workers(processes: list) -> list[runs.Done]:
    try:
        return [runs.finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()


def start_tasks(*arguments: object) -> list:
    """Two tasks with what SLURM's `srun` sets, and no TF_CONFIG."""
    (port,) = free_ports(1)  # of a job that no other test is
    shared = {
        "SLURM_JOB_ID": str(port),
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
        "SLURMD_NODENAME": "localhost",
    }
    return [
        runs.start(
            *arguments,
            program=[runs.TRAIN],
            env=shared | {"SLURM_PROCID": str(index), "SLURM_LOCALID": str(index)},
        )
        for index in range(2)
    ]


def learn(output: pathlib.Path, *more: object, **changed: object) -> list[runs.Done]:
    settings = runs.assignments(**(SHORT | changed))
    arguments = (runs.DIGITS, "--output", output, *settings, *more)
    return finish_workers(start_workers(*arguments))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> list[runs.Done]:
    """What both workers of a run said that never stopped."""
    return learn(tmp_path_factory.mktemp("workers"))


def test_two_workers_learn_one_energy_with_chains_of_their_own(whole):
    chief, other = whole
    assert [(done.code, done.err) for done in whole] == [(0, ""), (0, "")]
    assert len(list(chief.folder.parent.iterdir())) == 1
    assert other.out.splitlines() == ["ebm_tf train: digits_nonconv"]
    assert all(runs.saved_steps(chief.folder, worker) == [2, 4, 6] for worker in (0, 1))
    first, second = (runs.saved_arrays(chief.folder, worker=w) for w in (0, 1))
    assert list(first) == list(second)
    for name, value in first.items():
        same = np.array_equal(value, second[name])
        assert same == (name not in ("state/0/0", "state/0/2")), name
    assert first["state/0/0"].shape == (30, 8, 8, 1)
    images = [*first["state/0/0"], *second["state/0/0"]]
    assert len({image.tobytes() for image in images}) == 60
    assert np.isfinite(first["history"]).all()
    assert runs.figures(chief.folder)["num_samples"] == 20


@pytest.mark.slow
def test_tasks_of_slurm_learn_as_workers_do_and_go_on_with_the_latest(whole, tmp_path):
    settings = runs.assignments(**SHORT)
    arguments = (runs.DIGITS, "--output", tmp_path, *settings, "--resume", "latest")
    processes = start_tasks(*arguments)
    runs.wait_until(processes[0], lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    runs.wait_until(processes[0], lambda: 2 in runs.saved_steps(folder))
    processes[1].terminate()
    assert [done.code for done in finish_workers(processes)] in ([3, 3], [0, 0])
    if not (folder / "results.json").exists():
        finished = finish_workers(start_tasks(*arguments))
        assert [(done.code, done.err) for done in finished] == [(0, ""), (0, "")]
    assert len(list(folder.parent.iterdir())) == 1
    for worker in (0, 1):
        runs.assert_same_arrays(
            runs.saved_arrays(folder, worker=worker),
            runs.saved_arrays(whole[0].folder, worker=worker),
        )


@pytest.mark.slow
def test_workers_that_were_killed_go_on_together(whole, tmp_path):
    settings = runs.assignments(**SHORT)
    processes = start_workers(runs.DIGITS, "--output", tmp_path, *settings)
    runs.wait_until(processes[0], lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    runs.wait_until(processes[0], lambda: 2 in runs.saved_steps(folder))
    for process in processes:
        process.kill()
    finish_workers(processes)
    # As if one of the two had been killed before its last save.
    behind = runs.checkpoint_folder(folder, worker=1)
    newest = runs.saved_steps(folder, worker=1)[-1]
    if newest > 0:
        (behind / f"{newest:08d}.json").unlink()
    finished = finish_workers(start_workers("--resume", folder))
    assert [(done.code, done.err) for done in finished] == [(0, ""), (0, "")]
    for worker in (0, 1):
        runs.assert_same_arrays(
            runs.saved_arrays(folder, worker=worker),
            runs.saved_arrays(whole[0].folder, worker=worker),
        )
    assert runs.figures(folder) == runs.figures(whole[0].folder)


@pytest.mark.slow
def test_two_workers_measure_samples_of_their_own(whole, tmp_path):
    folder = whole[0].folder
    words = ["num_samples=50", "batch=20", "num_steps=2", "record_every=1"]
    words += ["data.split=train[:100]", "energy.width=4", f"weights={folder}"]
    settings = [word for text in words for word in ("--set", text)]
    config = tmp_path / "sweeping.py"
    config.write_text(
        "import dataclasses\n"
        "from ebm_tf.config.fid import Sweep\n"
        "from configs_fid.digits_shortrun import config as single\n"
        "config = dataclasses.replace(single, sweep=Sweep(first=4))\n"
    )
    arguments = (config, "--output", tmp_path, *settings)
    chief, other = finish_workers(start_workers(*arguments, program=runs.FID))
    assert [(done.code, done.err) for done in (chief, other)] == [(0, "")] * 2
    assert other.out.splitlines() == ["ebm_tf fid: digits_shortrun"]
    results = json.loads((chief.folder / "results.json").read_text())
    assert [row["update"] for row in results["by_update"]] == [4, 6]
    assert results["num_samples"] == 50 and np.isfinite(results["frechet_pixels"])
    assert len(list((tmp_path / "reference").iterdir())) == 1
    for part in chief.folder.glob("update_*"):
        names = sorted(path.name for path in part.glob("samples/00000002/*"))
        assert names == [f"{index:05d}_{w}.npz" for index in range(3) for w in (0, 1)]
        parts = [images for images, _ in load_samples(str(part), 2)]
        assert [len(images) for images in parts] == [10] * 6
        assert len({image.tobytes() for image in np.concatenate(parts)}) == 60


@pytest.mark.slow
def test_two_workers_attack_as_two_replicas_of_one(tmp_path):
    words = ["num_images=25", "batch=10", "pgd.num_steps=3", "auto_attack=None"]
    words += ["carlini_wagner=None", "curve=(9.0,)", "median=False"]
    settings = [word for text in words for word in ("--set", text)]
    arguments = (runs.ROOT / "configs_attack" / "digits_classifier.py", *settings)
    program = runs.ROOT / "ebm_tf" / "attack.py"
    started = start_workers(*arguments, "--output", tmp_path, program=program)
    chief, other = finish_workers(started)
    assert [(done.code, done.err) for done in (chief, other)] == [(0, "")] * 2
    alone = runs.run_here(*arguments, "--output", tmp_path, executable="attack")
    records = [np.load(done.folder / "record.npz") for done in (chief, alone)]
    runs.assert_same_arrays(*map(dict, records))


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_and_saves_all(tmp_path):
    settings = runs.assignments(**(SHORT | {"num_updates": 4000}))
    processes = start_workers(runs.DIGITS, "--output", tmp_path, *settings)
    runs.wait_until(processes[0], lambda: runs.run_folder(tmp_path) is not None)
    folder = runs.run_folder(tmp_path)
    assert folder is not None
    runs.wait_until(processes[0], lambda: 2 in runs.saved_steps(folder))
    processes[1].terminate()
    finished = finish_workers(processes)
    assert [(done.code, done.err) for done in finished] == [(3, ""), (3, "")]
    assert finished[0].folder == folder
    assert "Stopped by another worker and saved" in finished[0].out
    steps = [runs.saved_steps(folder, worker)[-1] for worker in (0, 1)]
    assert steps[0] == steps[1] < 4000


@pytest.mark.slow
def test_a_mistake_ends_both_workers(tmp_path):
    finished = learn(tmp_path, "--set", "batch=21")
    for done in finished:
        assert done.code == 2
        assert done.err == "error: Expected batch=21 to be divisible by 2 replicas.\n"
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.slow
def test_a_run_of_two_workers_does_not_go_on_with_one(whole):
    done = runs.run_program("--resume", whole[0].folder, "--set", "num_updates=8")
    assert done.code == 2 and done.err.startswith("error: ")
