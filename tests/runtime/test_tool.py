"""What the command lines of tools/ share."""

import signal
import sys

import pytest

from ebm_tf.runtime import tool


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({}, "Stopped: nothing was written.\n"),
        ({"interrupted": "half is"}, "Stopped: half is.\n"),
    ],
)
def test_a_tool_that_is_stopped_says_what_was_written(monkeypatch, capsys, told, line):
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, "_ENVIRONMENT", {})
    monkeypatch.setattr(tool.absl.logging, "set_verbosity", lambda _: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["tool", "word"])
    assert tool.main(stop, "tool WORD", (1,), **told) == tool.INTERRUPTED
    assert capsys.readouterr().err == line
