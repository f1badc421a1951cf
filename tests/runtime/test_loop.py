"""The outer loop: actions, checkpoints, resume, signals."""

import dataclasses
import math
import os
import pathlib
import signal

import numpy as np
import pytest

from ebm_tf.config.parts import Guard
from ebm_tf.errors import EarlyStopError, RunError
from ebm_tf.runtime.distribution import Replicas, distributed, local
from ebm_tf.runtime.loop import Moment, divergence, every
from tests.runs import assert_same_arrays
from tests.runtime.loops import Walk, checkpoints, make_loop, recorder


def moment(step: int) -> Moment:
    return Moment(step, state=None, metrics={}, outputs=None, history=None)  # pyright: ignore


@pytest.mark.parametrize(
    ("period", "also", "steps"),
    [
        (1, (), [1, 2, 3, 4, 5, 6, 7]),
        (3, (), [3, 6]),
        (3, (1, 7), [1, 3, 6, 7]),
        (3, (6,), [3, 6]),
        (100, (), []),
    ],
)
def test_every(period, also, steps):
    seen, action = recorder()
    periodic = every(period, action, *also)
    for step in range(1, 8):
        periodic(moment(step))
    assert seen == steps


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"energy_difference": 640.0, "grad_norm": 1e30}, None),
        ({"energy_difference": -640.0}, None),
        ({}, None),
        ({"energy_difference": 640.1}, "the energy difference ran away to 640"),
        ({"energy_difference": -1e9}, "the energy difference ran away to 1e+09"),
        ({"energy_difference": math.nan}, "energy_difference is nan"),
        ({"energy_difference": 0.0, "grad_norm": math.inf}, "grad_norm is inf"),
        ({"generator_loss": -math.inf}, "generator_loss is -inf"),
    ],
)
def test_divergence(metrics, reason):
    guard = Guard(max_energy_difference=10.0)
    assert divergence(metrics, guard, num_dimensions=64) == reason


def whole(folder, strategy, num_updates=17) -> dict[str, np.ndarray]:
    """The last checkpoint of a loop that never stopped."""
    make_loop(Walk(), folder, strategy).run(num_updates, [])
    return checkpoints(folder).load(num_updates)


def test_a_loop_learns_and_saves(tmp_path, one_replica):
    walk = Walk()
    seen, action = recorder()
    position = make_loop(walk, tmp_path, one_replica).run(17, [action])
    assert seen == list(range(1, 18))
    assert (position.step, position.rollbacks) == (17, 0)
    assert checkpoints(tmp_path).steps() == [10, 15, 17]
    arrays = checkpoints(tmp_path).load(17)
    np.testing.assert_array_equal(arrays["weights/0"], walk.weight.numpy())
    np.testing.assert_array_equal(arrays["state/0/0"], position.state[0])
    assert arrays["state/0/1"] == 17 and arrays["rollbacks"] == 0
    assert arrays["history_names"].tolist() == ["loss", "energy_difference"]
    losses = [metrics["loss"] for metrics in position.history]
    np.testing.assert_array_equal(arrays["history"][:, 0], losses)
    assert len(losses) == 17


def test_no_two_updates_share_a_key(tmp_path, one_replica):
    walks = [Walk(), Walk()]
    for walk, seed in zip(walks, (0, 1), strict=True):
        make_loop(walk, tmp_path / str(seed), one_replica, seed=seed).run(9, [])
    keys = [key for walk in walks for _, key in walk.seeds]
    assert len(set(keys)) == 18


@pytest.mark.parametrize("stop", [0, 1, 5, 7, 16])
def test_a_loop_in_two_pieces_is_one_loop(tmp_path, one_replica, stop):
    make_loop(Walk(), tmp_path / "b", one_replica).run(stop, [])
    walk = Walk()
    seen, action = recorder()
    make_loop(walk, tmp_path / "b", one_replica).run(17, [action])
    assert seen == list(range(stop + 1, 18))
    assert walk.num_begun == 0, "the first state is not made where one is restored"
    assert_same_arrays(
        checkpoints(tmp_path / "b").load(17), whole(tmp_path / "a", one_replica)
    )


def test_state_survives_on_two_replicas(tmp_path, two_replicas):
    replicas = Replicas(two_replicas, jit=False)
    loop = make_loop(Walk(), tmp_path, two_replicas)
    parts = [(np.full([3], r, np.float32), np.int64(r)) for r in (1, 2)]
    task = loop.task._replace(initial_state=lambda: distributed(replicas, parts))
    loop = dataclasses.replace(loop, task=task)
    loop.run(0, [])
    position = loop.run(0, [])
    for part, expected in zip(local(replicas, position.state), parts, strict=True):
        np.testing.assert_array_equal(part[0], expected[0])
        assert part[1] == expected[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [("one_replica", "two_replicas"), ("two_replicas", "one_replica")],
)
def test_another_number_of_replicas_is_told(tmp_path, request, before, after):
    strategies = [request.getfixturevalue(name) for name in (before, after)]
    replicas = Replicas(strategies[0], jit=False)
    parts = [(np.zeros([3], np.float32), np.int64(0))] * replicas.count
    loop = make_loop(Walk(), tmp_path, strategies[0])
    task = loop.task._replace(initial_state=lambda: distributed(replicas, parts))
    dataclasses.replace(loop, task=task).run(0, [])
    with pytest.raises(RunError, match="saved with . replicas and cannot go on"):
        make_loop(Walk(), tmp_path, strategies[1]).run(0, [])


def test_a_finished_loop_has_nothing_to_do(tmp_path, one_replica):
    whole(tmp_path, one_replica)
    seen, action = recorder()
    loop = make_loop(Walk(), tmp_path, one_replica)
    assert loop.num_saved == 17
    assert loop.run(17, [action]).step == 17
    assert seen == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_the_end_of_an_update(tmp_path, one_replica, number):
    def interrupt(moment: Moment) -> None:
        if moment.step == 8:
            os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    message = f"Stopped by {number.name} and saved after 8 of 17 updates."
    with pytest.raises(EarlyStopError, match=message):
        make_loop(Walk(), tmp_path / "b", one_replica).run(17, [interrupt])
    assert signal.getsignal(number) is before
    assert checkpoints(tmp_path / "b").steps() == [0, 5, 8]
    make_loop(Walk(), tmp_path / "b", one_replica).run(17, [])
    assert_same_arrays(
        checkpoints(tmp_path / "b").load(17), whole(tmp_path / "a", one_replica)
    )


def test_a_signal_at_the_last_update_ends_the_loop_as_usual(tmp_path, one_replica):
    def interrupt(moment: Moment) -> None:
        if moment.step == 17:
            os.kill(os.getpid(), signal.SIGTERM)

    loop = make_loop(Walk(), tmp_path, one_replica)
    assert loop.run(17, [interrupt]).step == 17
    assert checkpoints(tmp_path).steps()[-1] == 17


def test_damaged_checkpoints_are_passed_over(tmp_path, one_replica, capsys):
    expected = whole(tmp_path / "a", one_replica)
    make_loop(Walk(), tmp_path / "b", one_replica).run(16, [])
    folder = pathlib.Path(checkpoints(tmp_path / "b").folder)
    (folder / "00000016.npz").unlink()
    (folder / "00000015.json").write_text("{")
    capsys.readouterr()
    seen, action = recorder()
    make_loop(Walk(), tmp_path / "b", one_replica).run(17, [action])
    first, second = capsys.readouterr().out.splitlines()
    assert "00000016.npz is damaged" in first and "00000015.npz is damaged" in second
    assert seen[0] == 11
    assert_same_arrays(checkpoints(tmp_path / "b").load(17), expected)


def test_no_whole_checkpoint_is_an_error(tmp_path, one_replica):
    whole(tmp_path, one_replica)
    folder = pathlib.Path(checkpoints(tmp_path).folder)
    for path in folder.glob("*.npz"):
        path.write_bytes(b"")
    with pytest.raises(RunError, match=f"No whole checkpoint is left in {folder}"):
        make_loop(Walk(), tmp_path, one_replica).run(20, [])
    assert len(list(folder.iterdir())) == 6
