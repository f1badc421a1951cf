"""The folder of a run."""

import json
import pathlib

import pytest

from ebm_tf.config.kinds import to_json
from ebm_tf.errors import RunError
from ebm_tf.runtime import run_folders
from ebm_tf.runtime.files import replace_file
from ebm_tf.runtime.workspace import VALIDATION, Workspace
from tests.config.test_settings import experiment

STAMP = 1_700_000_000


@pytest.fixture
def run(tmp_path) -> Workspace:
    return run_folders.create(str(tmp_path), experiment(), STAMP)


def text(run: Workspace, name: str) -> str:
    return (pathlib.Path(run.folder) / name).read_text()


def files(folder) -> list[str]:
    return sorted(p.name for p in pathlib.Path(folder).rglob("*") if p.is_file())


def test_other_workers_write_nothing(tmp_path):
    run = run_folders.create(str(tmp_path), experiment(), STAMP, worker=1)
    run.log("a line")
    run.append_metrics(1, {"loss": 1.0})
    run.write_results({"num_updates": 1})
    run.rewind_metrics(0)
    assert not run.is_chief and files(tmp_path) == []


def test_a_folder_in_memory_as_in_a_bucket():
    run = run_folders.create("ram://bucket/runs", experiment(), STAMP)
    run.append_metrics(1, {"loss": 0.5})
    run.append_metrics(2, {"loss": 0.25})
    run.rewind_metrics(1)
    again = run_folders.read_config(run.folder)
    assert again == experiment()
    with open_file(run.path("metrics.jsonl")) as file:
        assert file.read() == '{"step": 1, "loss": 0.5}\n'


def open_file(path: str):
    import tensorflow as tf

    return tf.io.gfile.GFile(path)


def test_log_lines_are_printed_and_kept(run, capsys):
    run.log("first")
    run.log("second")
    assert capsys.readouterr().out == "first\nsecond\n"
    kept = text(run, "log.txt").splitlines()
    assert [line.split("  ", 1)[1] for line in kept] == ["first", "second"]


def test_metrics_are_rewound_past_a_line_that_was_cut(run):
    for step in (10, 20, 30):
        run.append_metrics(step, {"loss": step / 7})
    whole = text(run, "metrics.jsonl")
    run.rewind_metrics(30)
    assert text(run, "metrics.jsonl") == whole
    path = pathlib.Path(run.folder) / "metrics.jsonl"
    path.write_text(whole + '{"step": 40, "lo')
    run.rewind_metrics(20)
    assert text(run, "metrics.jsonl") == "".join(whole.splitlines(True)[:2])
    run.append_metrics(30, {"loss": 30 / 7})
    assert text(run, "metrics.jsonl") == whole


@pytest.mark.parametrize("line", [b"[" * 10**5, b"\xff", b'{"step": 2, "lo', b"[1]x"])
def test_metrics_that_are_damaged_are_told(run, line):
    run.append_metrics(1, {"loss": 1.0})
    path = pathlib.Path(run.folder) / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(RunError, match="metrics.jsonl is damaged"):
        run.read_metrics()


@pytest.mark.parametrize("line", ["5", "[]", '{"step": "x"}', '{"loss": 1}', "null"])
def test_lines_of_something_else_are_rewound(run, line):
    run.append_metrics(1, {"loss": 1.0})
    path = pathlib.Path(run.folder) / "metrics.jsonl"
    before = path.read_text()
    path.write_text(before + line + "\n")
    run.rewind_metrics(1)
    assert path.read_text() == before


def test_every_file_of_metrics_is_rewound(run):
    for step in (3, 6):
        run.append_metrics(step, {"error": step / 7}, name=VALIDATION)
    run.append_metrics(5, {"loss": 1.0})
    run.rewind_metrics(4)
    (line,) = run.read_metrics(name=VALIDATION)
    assert line == {"step": 3, "error": 3 / 7}
    assert run.read_metrics() == []


def test_nothing_to_rewind(run):
    assert run.read_metrics() == []
    run.rewind_metrics(0)
    assert "metrics.jsonl" not in files(run.folder)


def test_a_finished_run_goes_on_only_where_it_is_made_longer(run):
    config = experiment()
    assert run.go_on(config, config)
    run.write_results({"num_updates": 3})
    assert not run.go_on(config, config)
    assert not run.go_on(config, experiment(log_every=7))
    longer = experiment(num_updates=9)
    with pytest.raises(RunError, match="finished and has no checkpoints to go on from"):
        run.go_on(config, longer)
    (pathlib.Path(run.folder) / "checkpoints").mkdir()
    assert run.go_on(config, longer)
    assert "changed: num_updates" in text(run, "log.txt")
    assert text(run, "config.json") == to_json(longer)
    assert json.loads(text(run, "results_00000003.json")) == {"num_updates": 3}
    assert "results.json" not in files(run.folder)
    assert run.go_on(longer, longer)


def test_a_part_of_a_run_is_a_workspace_of_its_own(run):
    part = run.part("update_00000003")
    assert part.folder == f"{run.folder}/update_00000003" and part.is_chief
    assert part.results() is None and not pathlib.Path(part.folder).exists()
    part.write_results({"fid": 1.0})
    part.log("a line")
    assert part.results() == {"fid": 1.0} and run.results() is None
    assert text(run, "update_00000003/log.txt").endswith("a line\n")
    assert "log.txt" not in [p.name for p in pathlib.Path(run.folder).iterdir()]
    other = Workspace(run.folder, worker=1).part("update_00000003")
    assert not other.is_chief and other.results() == {"fid": 1.0}


def test_the_root_is_the_folder_of_all_runs(tmp_path, run):
    assert run.root == str(tmp_path)
    assert run_folders.reopen(run.folder + "/").root == str(tmp_path)
    assert Workspace("gs://bucket/runs/name/time").root == "gs://bucket/runs"


def test_results_are_none_until_a_run_is_finished(run):
    assert run.results() is None
    run.write_results({"fid": None, "by_num_steps": [{"fid": 0.1}]})
    assert run.results() == {"fid": None, "by_num_steps": [{"fid": 0.1}]}


def test_damaged_results_are_told(run):
    for content in ("", "{", "[]"):
        (pathlib.Path(run.folder) / "results.json").write_text(content)
        with pytest.raises(RunError, match="results.json is damaged: "):
            run.results()


def test_a_run_that_goes_on_drops_what_a_kill_left_half_written(run):
    for name in ("log.txt.0a.partial", "weights/energy.weights.h5.0b.partial"):
        pathlib.Path(run.path(name)).write_text("half")
    run.path("weights", "mine")
    assert run.go_on(experiment(), experiment())
    assert not list(pathlib.Path(run.folder).rglob("*.partial"))


def test_metrics_of_earlier_versions_have_the_names_of_now(run):
    run.append_metrics(3, {"frechet_pixel": 0.5}, name="validation.jsonl")
    run.write_results({"frechet_pixel": 0.25, "num_samples": 10})
    run.write_waiting()
    (line,) = run.read_metrics(name="validation.jsonl")
    assert line == {"step": 3, "frechet_pixels": 0.5}
    assert run.results() == {"frechet_pixels": 0.25, "num_samples": 10}
    pathlib.Path(run.folder, "metrics.jsonl").write_text("[1]\n")
    with pytest.raises(RunError, match="metrics.jsonl is damaged"):
        run.read_metrics()


def test_results_without_a_number_of_updates_are_kept_by_time(run):
    run.path("checkpoints", "worker_0", "00000001.npz")
    run.write_results({"fid": 1.0})
    assert run.go_on(experiment(), experiment(num_updates=9))
    (kept,) = pathlib.Path(run.folder).glob("results_*.json")
    assert json.loads(kept.read_text()) == {"fid": 1.0} and run.results() is None


@pytest.mark.parametrize("where", [".", "update_00000003"])
def test_a_run_is_begun_with_its_first_checkpoint_or_that_of_a_part(run, where):
    assert not run.is_begun
    run.part("update_00000003").path("samples", "00000004", "00000_0.npz")
    assert not run.is_begun
    run.part(where).path("checkpoints", "worker_0", "00000000.npz")
    assert run.is_begun
    run.discard_unlearned()
    assert pathlib.Path(run.folder).exists()


def test_only_a_run_without_a_checkpoint_is_discarded(run):
    run.path("checkpoints", "worker_0", "00000000.npz")
    run.discard_unlearned()
    assert files(run.folder)
    other = run_folders.create(run.folder, experiment(), STAMP)
    other.discard_unlearned()
    assert not pathlib.Path(other.folder).exists()


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "file"
    replace_file(str(path), "first")
    replace_file(str(path), b"\x00second")
    assert path.read_bytes() == b"\x00second"
    assert files(tmp_path) == ["file"]


def test_the_folder_is_the_last_line(run, capsys):
    run.announce()
    assert capsys.readouterr().out == f"{run.folder}\n"
