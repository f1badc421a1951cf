"""Learning that diverges goes back, and what was good is kept."""

import collections
import math

import pytest

from ebm_tf.config.parts import Guard
from ebm_tf.errors import EarlyStopError
from ebm_tf.runtime.loop import was_running_away
from tests.runs import assert_same_arrays
from tests.runtime.loops import MetricFn, Walk, checkpoints, make_loop, recorder


def diverging(*moments: tuple[int, int]) -> MetricFn:
    """NaN at these (visit, update)s: visit 0 is the first time that it is reached."""
    return lambda visit, update: math.nan if (visit, update) in moments else 1.0


def log(folder) -> list[str]:
    lines = (folder / "log.txt").read_text().splitlines()
    return [line.split("  ", 1)[1] for line in lines]


def test_one_divergence_rolls_back_with_a_new_key_and_a_lower_rate(
    tmp_path, one_replica
):
    walk = Walk(diverging((0, 8)))
    seen, action = recorder()
    guard = Guard(rate_factor=0.25)
    loop = make_loop(walk, tmp_path, one_replica, guard=guard)
    position = loop.run(12, [action])
    assert seen == [*range(1, 8), *range(6, 13)], "no action sees the diverged update"
    assert log(tmp_path) == [
        "Learning diverged at update 8: loss is nan. Rolled back to update 5 "
        "(1 of 3), new key, learning rates times 0.25."
    ]
    assert walk.rates == [1.0] * 8 + [0.25] * 7
    keys = dict(walk.seeds[:8]), dict(walk.seeds[8:])
    assert keys[0][6] != keys[1][6]
    assert len({key for _, key in walk.seeds}) == len(walk.seeds)
    assert (position.step, position.rollbacks) == (12, 1)
    assert len(position.history) == 12
    assert checkpoints(tmp_path).load(12)["rollbacks"] == 1


def test_the_diverged_update_leaves_no_trace(tmp_path, one_replica):
    """What follows is a function of the checkpoint and the number of rollbacks."""
    ends = []
    for name, update in [("a", 6), ("b", 9)]:
        loop = make_loop(Walk(diverging((0, update))), tmp_path / name, one_replica)
        loop.run(12, [])
        ends.append(checkpoints(tmp_path / name).load(12))
    assert_same_arrays(*ends)


def test_a_runaway_energy_difference_counts_too(tmp_path, one_replica):
    guard = Guard(max_energy_difference=0.5 / 64 / 2, max_rollbacks=0)
    with pytest.raises(EarlyStopError, match="update 1: the energy difference ran"):
        make_loop(Walk(), tmp_path, one_replica, guard=guard).run(3, [])


def test_a_checkpoint_that_leads_to_divergence_twice_is_dropped(tmp_path, one_replica):
    walk = Walk(diverging((0, 13), (1, 12)))
    make_loop(walk, tmp_path, one_replica).run(17, [])
    told = log(tmp_path)
    assert "diverged at update 13" in told[0] and "back to update 10 (1 " in told[0]
    assert "diverged at update 12" in told[1] and "back to update 5 (2 " in told[1]
    assert "learning rates times 0.25." in told[1]
    assert checkpoints(tmp_path).steps() == [10, 15, 17]
    assert walk.rates[-1] == 0.25


def test_a_checkpoint_on_the_way_to_divergence_is_dropped(tmp_path, one_replica):
    """Saved at 10 after five updates beyond a tenth of the bound, half of its ten."""
    guard = Guard(max_energy_difference=1.0)  # times 64 dimensions

    def difference(visit: int, update: int) -> float:
        runs_away = visit == 0 and update > 5
        return 65.0 if runs_away and update == 12 else 13.0 if runs_away else -0.1

    walk = Walk(difference=difference)
    make_loop(walk, tmp_path, one_replica, guard=guard).run(12, [])
    assert log(tmp_path) == [
        "Learning diverged at update 12: the energy difference ran away to 65. Rolled "
        "back to update 5 (1 of 3), new key, learning rates times 0.5."
    ]


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_counts_as_running_away(sign):
    """The mean of ten updates against a tenth of the bound, 6.4."""
    guard = Guard(max_energy_difference=1.0)
    calm, near = [{"energy_difference": sign * value} for value in (0.0, 12.9)]

    def away(history: list, updates_ago: int = 0) -> bool:
        return was_running_away(collections.deque(history), updates_ago, guard, 64)

    assert away([calm] * 15 + [near] * 5)
    assert not away([calm] * 15 + [near] * 4)
    assert not away([calm] * 15 + [near] * 5, updates_ago=1)
    assert not away([near] * 5, updates_ago=5), "it does not go back so far"
    assert not away([{"loss": 1.0}] * 20)


def test_the_first_checkpoint_is_never_dropped(tmp_path, one_replica):
    walk = Walk(diverging((0, 2), (1, 2), (2, 2)))
    make_loop(walk, tmp_path, one_replica).run(3, [])
    assert [line.split("update ")[2][0] for line in log(tmp_path)] == ["0", "0", "0"]


def test_too_many_rollbacks_stop_and_keep_what_was_good(tmp_path, one_replica):
    guard = Guard(max_rollbacks=2)
    loss = diverging(*((visit, 13) for visit in range(9)))
    loop = make_loop(Walk(loss), tmp_path, one_replica, guard=guard)
    with pytest.raises(EarlyStopError) as error:
        loop.run(17, [])
    message = str(error.value)
    assert message.startswith(
        "Learning diverged at update 13: loss is nan. It was rolled back 2 times"
    )
    assert "--set energy_optimizer.learning_rate=RATE" in message
    assert "\n" not in message
    assert len(log(tmp_path)) == 2
    steps = checkpoints(tmp_path).steps()
    assert steps[-1] <= 10
    for step in steps:
        assert checkpoints(tmp_path).load(step)["state/0/1"] == step


def test_after_giving_up_a_resume_goes_on_from_what_was_good(tmp_path, one_replica):
    guard = Guard(max_rollbacks=1)
    loss = diverging((0, 8), (1, 8))
    with pytest.raises(EarlyStopError):
        make_loop(Walk(loss), tmp_path, one_replica, guard=guard).run(12, [])
    position = make_loop(Walk(), tmp_path, one_replica, guard=guard).run(12, [])
    assert position.step == 12


def test_rates_stay_low_when_a_run_is_resumed(tmp_path, one_replica):
    make_loop(Walk(diverging((0, 3))), tmp_path, one_replica).run(7, [])
    walk = Walk()
    position = make_loop(walk, tmp_path, one_replica).run(12, [])
    assert position.rollbacks == 1 and set(walk.rates) == {0.5}


def in_pieces(folder, strategy, moments, stops):
    """The end of a run that was stopped in between, and diverges when it did."""
    visits = {}
    for stop in stops:
        walk = Walk(diverging(*moments))
        walk.visits = visits
        make_loop(walk, folder, strategy).run(stop, [])
    return checkpoints(folder).load(stops[-1])


@pytest.mark.parametrize(
    ("moments", "stop"),
    [
        ([(0, 3)], 7),
        ([(0, 8)], 10),
        ([(0, 3), (0, 12)], 10),
        ([(0, 3), (0, 12), (1, 13)], 10),
        ([(0, 3), (0, 12), (1, 13)], 15),
        ([(0, 12)], 11),
        ([(0, 8), (0, 9)], 8),
    ],
)
def test_a_stop_changes_nothing_about_rollbacks(tmp_path, one_replica, moments, stop):
    assert_same_arrays(
        in_pieces(tmp_path / "b", one_replica, moments, [stop, 17]),
        in_pieces(tmp_path / "a", one_replica, moments, [17]),
    )
