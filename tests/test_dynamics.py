"""The executable on small runs, as a user starts it."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from tests import runs
from tests.runs import ROOT, learn_here, run_here
from tests.test_train_clf import lines, tiny

DIGITS = ROOT / "configs" / "digits_dynamics.py"
SMALL = {
    "num_images": 20,
    "evaluation_batch": 20,
    "evaluation_attack.num_steps": 2,
    "num_shown": 10,
}


def follow(*arguments: object, **settings) -> runs.Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(DIGITS, *arguments, *words, executable="dynamics")


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> pathlib.Path:
    """A run that kept its weights after 3, 6, 9 and 10 of 10 updates."""
    config = tiny("keep_weights_every=3")
    return learn_here(config, tmp_path_factory.mktemp("learned"))[0]


@pytest.fixture(scope="module")
def without(tmp_path_factory) -> pathlib.Path:
    """A run that did not."""
    return learn_here(tiny("num_updates=3"), tmp_path_factory.mktemp("without"))[0]


@pytest.mark.slow
def test_weights_along_the_way_change_nothing_else(learned, tmp_path):
    names = {path.name for path in (learned / "weights").iterdir()}
    kept = {f"classifier_average_{n:08d}.weights.h5" for n in (3, 6, 9, 10)}
    others = {"classifier_00000010.weights.h5", "classifier_selected.weights.h5"}
    assert names == kept | others
    folder, _ = learn_here(tiny(), tmp_path)
    assert lines(folder) == lines(learned)
    runs.assert_same_arrays(runs.saved_arrays(folder), runs.saved_arrays(learned))


@pytest.mark.slow
def test_two_runs_are_followed(learned, tmp_path):
    both = f"('{learned}', '{learned}')"
    done = follow("--output", tmp_path, runs=both)
    assert done.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    first, second = results["runs"].values()
    assert list(results["runs"]) == ["digits_weat_adv", "digits_weat_adv_1"]
    assert first == second
    rows = first["by_epoch"]
    assert [row["update"] for row in rows] == [3, 6, 9, 10]
    assert [row["epoch"] for row in rows] == [1, 2, 3, pytest.approx(10 / 3)]
    for row in rows:
        assert row["test_natural_error"] <= row["test_robust_error"]
        assert row["train_robust_error"] * 20 == pytest.approx(
            round(row["train_robust_error"] * 20)
        )
    # The last moment is what the run itself measured, on images of learning.
    assert results["num_images"] == {"train": 20, "test": 20}
    with np.load(done.folder / "energies.npz") as stored:
        assert stored["digits_weat_adv/test/marginal"].shape == (4, 20)
        assert stored["labels/train"].shape == (20,)
    with Image.open(done.folder / "images" / "energies.gif") as picture:
        assert picture.n_frames == 4  # pyright: ignore
    assert (done.folder / "plots" / "energy_dynamics.png").is_file()
    assert (done.folder / "images" / "energies_last.png").is_file()


@pytest.mark.slow
def test_it_measures_what_the_run_measured(learned, tmp_path):
    """On the validation images by the attack of the run: but for its random starts."""
    told = lines(learned)
    done = follow(
        "--output",
        tmp_path,
        runs=f"('{learned}',)",
        test_split="train[1197:1223]",
        num_images=None,
        data__split="train[:60]",
    )
    assert done.code == 0, done.err
    results = json.loads((done.folder / "results.json").read_text())
    rows = results["runs"]["digits_weat_adv"]["by_epoch"]
    for row, line in zip(rows, told, strict=True):
        for name in ("natural_error", "marginal_mean", "joint_75"):
            expected = line[f"validation_{name}"]
            assert row[f"test_{name}"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_dry_run_tells_what_is_measured(learned, tmp_path):
    done = follow("--output", tmp_path / "runs", "--dry_run", runs=f"('{learned}',)")
    assert done.code == 0, done.err
    line = "digits_weat_adv: 4 files of weights, update 3 (epoch 1) to 10 (epoch 3.33)"
    assert line in done.out.splitlines()
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_mistake_is_one_line(learned, without, tmp_path):
    for settings, message in [
        ({"runs": f"('{without}',)"}, "has 3: learn with --set keep_weights_every="),
        ({"runs": f"('{learned}',)", "sweep.every": 9}, "two moments"),
        ({"runs": f"('{learned}',)", "data.image_size": 16}, "of 8 pixels and 1 chan"),
        ({"runs": f"('{learned}',)", "test_split": "train[9000:]"}, "no examples"),
    ]:
        done = follow("--output", tmp_path, **settings)
        assert done.code == 2, done.out
        assert message in done.err and done.err.count("\n") == 1, done.err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "needs runs to follow"),
        ({"runs": "('/none',)"}, "No weights at /none"),
        ({"runs": "('release:digits_sngan',)"}, "not the folder of a run of train_clf"),
        ({"runs": "('release:digits_clean',)"}, "keep_weights_every"),
        ({"num_images": 1}, "num_images=1 >= 2"),
        ({"shown": "all"}, "shown='all'"),
        ({"milliseconds": 0}, "milliseconds=0 >= 20"),
    ],
)
def test_bad_input_is_one_line(settings, message, tmp_path):
    done = follow("--output", tmp_path, **settings)
    assert done.code == 2, done.out
    assert message in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.json"))
