"""What happens between steps fails in one line."""

import collections

import pytest
import tensorflow as tf

from ebm_tf.errors import RunError
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
