"""What grows is written at once on a disk, and now and then in a store."""

import json

import tensorflow as tf

from ebm_tf.runtime import run_folders, waiting_files
from ebm_tf.runtime.actions import Board
from ebm_tf.runtime.files import is_cloud, make_folder, names_in, replace_file
from ebm_tf.runtime.waiting_files import (
    append_line,
    read_lines,
    replace_lines,
    write_waiting,
)
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from tests.cloud import files_below, read
from tests.config.test_settings import experiment
from tests.runtime.loops import Walk, make_loop

STAMP = 1_700_000_000


def die() -> None:
    """What a kill does to lines that wait."""
    waiting_files._lines.clear()


def test_a_disk_gets_every_line_at_once_and_a_store_many_together(place):
    path = f"{place}/log.txt"
    make_folder(place)
    for line in ("first\n", "second\n"):
        append_line(path, line)
    assert read_lines(path) == ["first\n", "second\n"]
    assert tf.io.gfile.exists(path) != is_cloud(path)
    write_waiting()
    assert read(path) == "first\nsecond\n"
    append_line(path, "third\n")
    assert read_lines(path) == ["first\n", "second\n", "third\n"]
    write_waiting()
    write_waiting()
    assert read(path) == "first\nsecond\nthird\n"
    assert files_below(place) == {"log.txt"}


def test_lines_do_not_wait_for_ever(store, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(waiting_files.time, "monotonic", lambda: now[0])
    path, seen = f"{store}/log.txt", []
    for _ in range(4):
        append_line(path, "line\n")
        seen.append(len(read(path).split()) if tf.io.gfile.exists(path) else 0)
        now[0] += 0.6 * waiting_files.LONGEST_WAIT
    assert seen == [0, 0, 3, 3]
    write_waiting()
    assert read(path) == 4 * "line\n"


def test_a_file_that_is_replaced_forgets_what_waited(place):
    path = f"{place}/metrics.jsonl"
    make_folder(place)
    replace_file(path, "a long first content\n")
    append_line(path, "line\n")
    replace_lines(path, ["short\n"])
    write_waiting()
    assert read(path) == "short\n" and files_below(place) == {"metrics.jsonl"}


def test_metrics_are_rewound_in_a_store_and_while_they_wait(place):
    run = run_folders.create(place, experiment(), STAMP)
    for step in (1, 2, 3):
        run.append_metrics(step, {"loss": step / 7})
        if step == 2:
            run.write_waiting()
    run.append_metrics(2, {"error": 1.0}, name=VALIDATION)
    run.rewind_metrics(1)
    assert run.read_metrics() == [{"step": 1, "loss": 1 / 7}]
    assert run.read_metrics(name=VALIDATION) == []
    run.append_metrics(2, {"loss": 2 / 7})
    run.write_results({"num_updates": 2})  # nothing waits behind them
    lines = read(f"{run.folder}/metrics.jsonl").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]


def test_a_run_is_discarded_with_the_lines_that_wait_for_it(place):
    run = run_folders.create(place, experiment(), STAMP)
    run.log("a line")
    assert not run.is_begun
    run.discard_unlearned()
    write_waiting()
    assert files_below(place) == set() and names_in(place) == []
    for begun in ("checkpoints", "update_00000003/checkpoints"):
        run = run_folders.create(place, experiment(), STAMP)
        replace_file(run.path(begun, "worker_0", "00000000.npz"), b"")
        assert run.is_begun
        run.discard_unlearned()
        assert "config.json" in files_below(run.folder)


def test_metrics_are_in_a_store_up_to_every_checkpoint(tmp_path, store, one_replica):
    """A kill loses the lines since then, and they are made again."""

    def run(folder: str, last: int) -> Walk:
        walk = Walk()
        loop = make_loop(walk, folder, one_replica)

        def note(moment) -> None:
            loop.workspace.append_metrics(moment.step, moment.metrics)
            if moment.step == last:
                raise KeyboardInterrupt

        try:
            loop.run(15, [note])
        except KeyboardInterrupt:
            pass
        return walk

    run(whole := str(tmp_path / "whole"), last=0)
    for last in (8, 14):
        run(store, last)
        die()
        assert len(Workspace(store).read_metrics()) == last // 5 * 5
    walk = run(store, last=0)
    assert min(walk.visits) == 11
    assert read(f"{store}/metrics.jsonl") == read(f"{whole}/metrics.jsonl")


def test_tensorboard_grows_on_the_disk(place):
    """Its file is uploaded with what else waits, and only where it has grown."""
    run = Workspace(place)
    shown = Board(run)
    for step in range(3):
        shown.scalars(step, {"value": 1.0})
    board = f"{place}/tensorboard"
    assert bool(names_in(board)) != is_cloud(place)
    for _ in range(2):
        run.write_waiting()
        (name,) = names_in(board)
        assert sum(1 for _ in tf.data.TFRecordDataset(f"{board}/{name}")) == 4
        stored = tf.io.gfile.stat(f"{board}/{name}").mtime_nsec
    run.write_waiting()
    assert tf.io.gfile.stat(f"{board}/{name}").mtime_nsec == stored
    shown.scalars(3, {"value": 1.0})
    run.write_waiting()
    assert sum(1 for _ in tf.data.TFRecordDataset(f"{board}/{name}")) == 5
