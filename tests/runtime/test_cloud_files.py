"""What a store cannot do is done otherwise, and a disk is used as it always was."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import RunError
from ebm_tf.runtime import files, run_folders
from ebm_tf.runtime.checkpoints import Checkpoints
from ebm_tf.runtime.files import (
    fetched,
    load_arrays,
    names_in,
    raises_run_error,
    read_file,
    replace_file,
    save_arrays,
    upload_folder,
    written_whole,
)
from ebm_tf.runtime.waiting_files import write_waiting
from ebm_tf.store.sources import find
from tests.cloud import files_below, read
from tests.config.test_settings import experiment

STAMP = 1_700_000_000


def test_names_are_those_of_files_and_folders(place, monkeypatch):
    assert names_in(place) == []
    for name in ("b/file", "a/b/file", "file"):
        files.make_folder(f"{place}/{name}".rpartition("/")[0])
        replace_file(f"{place}/{name}", "")
    assert names_in(place) == ["a", "b", "file"]
    # A bucket ends the names of folders in a slash.
    monkeypatch.setattr(tf.io.gfile, "listdir", lambda _: ["file", "b/", "a/"])
    assert names_in(place) == ["a", "b", "file"]


def test_what_is_on_a_disk_is_not_fetched(tmp_path):
    with fetched(f"{tmp_path}/any.npz") as local:
        assert local == f"{tmp_path}/any.npz"


def test_what_is_fetched_is_there_for_a_while(store):
    replace_file(f"{store}/name.h5", b"\0content")
    with fetched(f"{store}/name.h5") as local:
        path = pathlib.Path(local)
        assert path.name == "name.h5" and path.read_bytes() == b"\0content"
    assert not path.exists()
    with pytest.raises(tf.errors.NotFoundError), fetched(f"{store}/none"):
        pass


def test_a_folder_is_uploaded_whole(tmp_path, store):
    for name in ("one", "in/two", "in/side/three"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    upload_folder(str(tmp_path), f"{store}/new")
    assert files_below(f"{store}/new") == {"one", "in/two", "in/side/three"}
    assert read(f"{store}/new/in/side/three") == "in/side/three"


def test_arrays_and_checkpoints_come_back(place):
    files.make_folder(place)
    values = {"a": np.arange(5, dtype=np.float32), "b": np.array("text")}
    save_arrays(f"{place}/arrays.npz", **values)
    checkpoints = Checkpoints(f"{place}/checkpoints/worker_0", keep=2)
    assert checkpoints.steps() == []
    for step in (1, 2, 3):
        checkpoints.save(step, {**values, "step": step}.items())
    assert checkpoints.steps() == [2, 3] and checkpoints.load(2)["step"] == 2
    for loaded in (load_arrays(f"{place}/arrays.npz"), checkpoints.load(3)):
        assert loaded["a"].tobytes() == values["a"].tobytes() and loaded["b"] == "text"
    tf.io.gfile.remove(f"{place}/checkpoints/worker_0/00000003.npz")
    with pytest.raises(RunError, match="00000003.npz is damaged"):
        checkpoints.load(3)
    with pytest.raises(RunError, match="none.npz is missing or damaged"):
        load_arrays(f"{place}/none.npz")
    assert checkpoints.steps() == [2, 3]


def test_runs_of_one_second_and_runs_that_go_on(place):
    run = run_folders.create(place, experiment(), STAMP)
    again = run_folders.create(place, experiment(), STAMP)
    assert again.folder == f"{run.folder}_2"
    run.write_results({"num_updates": 3})
    replace_file(run.path("checkpoints", "00000003.json"), "{}")
    assert run.go_on(experiment(), experiment(num_updates=9))
    assert run.results() is None
    write_waiting()
    names = names_in(run.folder)
    assert {"config.json", "log.txt", "results_00000003.json"} <= set(names)
    opened = run_folders.reopen(f"{run.folder}/")
    assert opened.folder == run.folder and opened.root == place


def test_where_there_are_no_folders_a_run_is_discarded_too(store, monkeypatch):
    """The last file of a bucket's folder takes the folder along."""
    run = run_folders.create(store, experiment(), STAMP)
    delete = tf.io.gfile.rmtree

    def without_folder(folder: str) -> None:
        delete(folder)
        if tf.io.gfile.isdir(parent := folder.rpartition("/")[0]):
            delete(parent)

    monkeypatch.setattr(tf.io.gfile, "rmtree", without_folder)
    run.discard_unlearned()
    assert names_in(store) == []


def test_advice_of_what_cannot_be_written(tmp_path):
    with pytest.raises(RunError) as error, raises_run_error("it"):
        raise OSError("No space\nleft")
    assert str(error.value).startswith("Cannot write it: No space left. Make room")
    with pytest.raises(RunError, match="Cannot write it: full. Do this."):
        with raises_run_error("it", "Do this."):
            raise tf.errors.ResourceExhaustedError(None, None, "full")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="goes on with --resume") as error:
        replace_file(f"{tmp_path}/file/below", "")
    assert "checkpoints are whole" not in str(error.value)


def test_a_store_that_does_not_answer_is_told(monkeypatch):
    def fail(path: str) -> bool:
        raise tf.errors.PermissionDeniedError(None, None, f"no\nentry to {path}")

    monkeypatch.setattr(tf.io.gfile, "exists", fail)
    with pytest.raises(RunError) as error:
        run_folders.reopen("gs://bucket/run")
    assert "Cannot look for gs://bucket/run/config.json: no entry" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(RunError, match="Cannot look for gs://bucket/it.weights.h5"):
        find("gs://bucket/it.weights.h5").file("energy")


def test_a_store_whose_folders_do_not_answer_is_told(monkeypatch):
    def fail(path: str) -> bool:
        raise tf.errors.UnavailableError(None, None, f"{path} is away")

    monkeypatch.setattr(tf.io.gfile, "isdir", fail)
    with pytest.raises(RunError, match="Cannot look into gs://bucket: .* is away"):
        names_in("gs://bucket")


def test_what_cannot_be_read_is_told(place):
    with pytest.raises(RunError, match=f"Cannot read {place}/none: "):
        read_file(f"{place}/none")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=f"Cannot write {tmp_path}/file/below: "):
        files.make_folder(f"{tmp_path}/file/below")


def test_two_that_write_one_file_do_not_meet(place):
    files.make_folder(place)
    with written_whole(f"{place}/it") as first:
        replace_file(first, "first")
        replace_file(f"{place}/it", "second")
        assert read(f"{place}/it") == "second"
    assert read(f"{place}/it") == "first"
    assert names_in(place) == ["it"]


def test_a_file_that_is_not_finished_goes_away(place):
    files.make_folder(place)
    with pytest.raises(KeyboardInterrupt), written_whole(f"{place}/it") as partial:
        replace_file(partial, "half")
        raise KeyboardInterrupt
    assert names_in(place) == []
