"""Weight files get into networks, or it is told why not."""

import re

import numpy as np
import pytest

from ebm_tf.errors import RunError, WeightsError
from ebm_tf.runtime.weight_files import save_weights, weights_name
from ebm_tf.store.sources import find
from tests.runs import weights
from tests.store.small_weights import network, same, weights_into


def test_a_file_brings_the_same_weights(tmp_path):
    path = tmp_path / "some.weights.h5"
    save_weights(network(0), str(path))
    model = network(1)
    assert not same(model, network(0))
    assert weights_into(str(path), model, "energy") == str(path)
    assert same(model, network(0))
    assert [p.name for p in tmp_path.iterdir()] == ["some.weights.h5"]


def test_a_run_folder_means_what_it_has_selected(run):
    with pytest.raises(WeightsError, match="holds no selected weights of its energy"):
        find(str(run)).file("energy", kind="selected")
    selected = run / "weights" / "energy_selected.weights.h5"
    save_weights(network(seed=5), str(selected))
    assert find(str(run)).file("energy", kind="selected") == str(selected)
    assert find(str(run)).file("energy") == str(selected)
    assert find(str(run)).steps("energy", "raw") == [9, 10_000]
    model = network(0)
    weights_into(str(run), model, "energy")
    assert same(model, network(seed=5))
    averages = find(str(run)).file("energy", kind="averaged")
    assert averages.endswith("energy_average_00010000.weights.h5")
    with pytest.raises(WeightsError, match="at update 9"):
        find(str(run)).file("energy", kind="selected", step=9)


def test_a_run_folder_means_its_newest_averages(run):
    model = network(0)
    path = weights_into(str(run), model, "energy")
    assert path == str(run / "weights" / "energy_average_00010000.weights.h5")
    assert same(model, network(10_001))
    assert (
        find(str(run))
        .file("generator")
        .endswith("generator_average_00010000.weights.h5")
    )


def test_files_reach_a_bucket_and_come_back():
    path = "ram://bucket/run/weights/energy_average_00000001.weights.h5"
    save_weights(network(3), path)
    model = network(0)
    weights_into("ram://bucket/run", model, "energy")
    assert same(model, network(3))


@pytest.mark.parametrize("name", ["none", "none.weights.h5", "run/config.json"])
def test_missing_weights_are_told(run, name):
    source = str(run.parent / name)
    with pytest.raises(WeightsError, match=f"No weights at {source}: expected a file"):
        weights_into(source, network(0), "energy")


def test_a_run_without_weights_of_the_role_is_told(run):
    for path in (run / "weights").glob("energy_average_*"):
        path.unlink()
    with pytest.raises(
        WeightsError, match="holds no averaged weights of its energy; the newest that"
    ):
        find(str(run)).file("energy")


def test_the_saved_steps_of_each_network(run):
    assert find(str(run)).steps("energy") == [9, 10_000]
    assert find(str(run)).steps("energy", "raw") == [9, 10_000]
    assert find(str(run)).steps("generator") == [9, 10_000]
    assert find(str(run)).steps("generator", "raw") == []
    (run / "weights" / "energy_00000011.weights.h5.partial").write_text("half")
    assert find(str(run)).steps("energy", "raw") == [9, 10_000]


@pytest.mark.parametrize(
    ("kind", "step", "name"),
    [
        ("averaged", None, "energy_average_00010000"),
        ("averaged", 9, "energy_average_00000009"),
        ("raw", None, "energy_00010000"),
        ("raw", 9, "energy_00000009"),
    ],
)
def test_one_of_the_saved_weights_of_a_run(run, kind, step, name):
    path = find(str(run)).file("energy", kind=kind, step=step)
    assert path == str(run / "weights" / f"{name}.weights.h5")


@pytest.mark.parametrize(
    ("role", "kind", "step", "message"),
    [
        ("energy", "averaged", 10, "no averaged weights of its energy at update 10"),
        ("energy", "raw", 1, "no raw weights of its energy at update 1"),
        ("generator", "raw", None, "no raw weights of its generator"),
        ("prior", "averaged", None, "no averaged weights of its prior"),
    ],
)
def test_weights_that_a_run_does_not_hold(run, role, kind, step, message):
    with pytest.raises(WeightsError) as error:
        find(str(run)).file(role, kind=kind, step=step)
    newest = (
        "energy_00010000.weights.h5, energy_average_00010000.weights.h5, "
        "generator_average_00010000.weights.h5"
    )
    assert str(error.value) == (
        f"The run {run} holds {message}; the newest that it holds: {newest}."
    )


def test_a_run_that_has_saved_no_weights_is_told(run):
    for path in (run / "weights").iterdir():
        path.unlink()
    with pytest.raises(WeightsError, match="the newest that it holds: none at all."):
        find(str(run)).file("energy")


def test_a_network_that_did_not_learn_has_one_file(run):
    assert weights_name("prior") == "prior.weights.h5"
    save_weights(network(7), str(run / "weights" / "prior.weights.h5"))
    for kind in ("averaged", "raw"):
        for step in (None, 9, 10_000):
            path = find(str(run)).file("prior", kind=kind, step=step)
            assert path == str(run / "weights" / "prior.weights.h5")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
@pytest.mark.parametrize(
    "other", [{"width": 6}, {"width": 3}, {"image_size": 16}, {"image_size": 32}]
)
def test_weights_of_another_network_are_told(run, other):
    model = network(0, **other)
    with pytest.raises(WeightsError) as error:
        weights_into(str(run), model, "energy")
    told = str(error.value)
    assert f"do not fit the energy {model.name} of {model.count_params():,}" in told
    assert str(run) in told and "\n" not in told
    if "width" in other:  # else arrays are missing, of which Keras names none
        assert re.search(r"\(the shape of \w+/\w+ is \(.+\), not \(.+\)\): check", told)


@pytest.mark.parametrize("part", [0, 0.02, 0.5, 0.9, 0.9999])
def test_truncated_files_are_told(run, part):
    path = run / "weights" / "energy_average_00010000.weights.h5"
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(WeightsError, match=f"The weight file {path} is damaged."):
        weights_into(str(run), network(0), "energy")


@pytest.mark.filterwarnings("ignore:Skipping nested container")
def test_a_file_with_a_hole_is_told_or_loads(run):
    """HDF5 has no checksum of the values; of what it does notice a line is told."""
    path = run / "weights" / "energy_average_00010000.weights.h5"
    content = path.read_bytes()
    size = len(content) // 20
    model, told = network(0), []
    for start in range(0, len(content), size):
        hole = bytes(len(content[start : start + size]))
        path.write_bytes(content[:start] + hole + content[start + size :])
        try:
            weights_into(str(run), model, "energy")
        except WeightsError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            told.append(start)
    assert told and told[0] == 0, "the file's own table is at its beginning"


def test_a_file_of_something_else_is_told(tmp_path):
    path = tmp_path / "text.weights.h5"
    path.write_text("not weights")
    with pytest.raises(WeightsError, match=f"The weight file {path} is damaged."):
        weights_into(str(path), network(0), "energy")


def test_the_test_compares_all_datasets(run):
    """What other tests rely on: a weight file as arrays."""
    values = weights(run / "weights" / "energy_00000009.weights.h5")
    expected = network(9).get_weights()
    assert sum(v.size for v in values.values() if v.dtype == np.float32) == sum(
        value.size for value in expected
    )


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    """Also where it is that of the temporary files."""

    def fail(path: str) -> None:
        raise OSError(f"Can't write data to {path}: no space")

    model = network(0)
    monkeypatch.setattr(model, "save_weights", fail)
    path = tmp_path / "a.weights.h5"
    with pytest.raises(RunError, match=f"Cannot write {path}: Can't write data"):
        save_weights(model, str(path))


def test_a_file_that_cannot_be_fetched_is_told(tmp_path):
    path = tmp_path / "folder.weights.h5"
    path.mkdir()
    with pytest.raises(WeightsError, match=f"Cannot read the weight file {path}: "):
        weights_into(str(path), network(0), "energy")
