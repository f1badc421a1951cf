"""What happens between steps fails in one line."""

import collections

import pytest
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime import actions
from ebm_tf.runtime.actions import log_metrics
from ebm_tf.runtime.loop import Moment
from ebm_tf.runtime.workspace import Workspace


def test_a_disk_that_tensorboard_filled_is_told(tmp_path, monkeypatch):
    """TensorFlow calls it exhausted resources, as it does a device without memory."""

    def fail(*_: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    metrics = {"loss": 1.0}
    moment = Moment(1, None, metrics, None, collections.deque([metrics]))
    log = log_metrics(Workspace(str(tmp_path)), total=2, period=1)
    monkeypatch.setattr(tf.summary, "scalar", fail)
    with pytest.raises(RunError, match="Cannot write .*tensorboard: No space left"):
        log(moment)


def test_pace_and_time_left_are_logged_now_and_then(tmp_path, monkeypatch):
    for between, steps in ((0.0, [1, 2, 3]), (100.0, [3])):
        monkeypatch.setattr(actions, "SECONDS_BETWEEN_LINES", between)
        workspace = Workspace(str(tmp_path / str(between)))
        log = actions.log_pace(workspace, 3, "pgd")
        for step in (1, 2, 3):
            log(Moment(step, None, {}, None, collections.deque()))
        text = (tmp_path / str(between) / "log.txt").read_text()
        lines = [line.split("  ", 1)[1] for line in text.splitlines()]
        assert [line.split("  ")[0] for line in lines] == [
            f"pgd: batch {step}/3" for step in steps
        ]
        assert "batches/s" in lines[-1] and lines[-1].endswith(" left")


@pytest.mark.parametrize(("between", "expected"), [(-1.0, [1, 2, 3]), (1e9, [1, 3])])
def test_what_takes_long_is_done_first_last_and_now_and_then(
    between, expected, monkeypatch
):
    monkeypatch.setattr(actions, "SECONDS_BETWEEN_LINES", between)
    done: list[int] = []
    action = actions.now_and_then(lambda moment: done.append(moment.step), 3)
    for step in (1, 2, 3):
        action(Moment(step, None, {}, None, collections.deque()))
    assert done == expected
