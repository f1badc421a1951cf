"""Whole runs that lie in a bucket: TensorFlow's file system in memory stands for it."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import RunError
from tests import cloud, runs
from tests.runs import DIGITS, DIGITS_FID, ROOT, SHORT, assignments, run_here

pytestmark = pytest.mark.slow

TINY_CLASSIFIER = {
    "num_updates": 4,
    "validate_every": 2,
    "select_from": 2,
    "save_every": 2,
    "log_every": 2,
    "batch": 20,
    "data.split": "train[:60]",
    "validation_split": "train[1197:1217]",
    "test_split": "train[1437:1447]",
    "evaluation_batch": 10,
    "classifier.width": 4,
    "classifier.depth": 2,
    "evaluation_attack.num_steps": 2,
}
TINY_FID = {
    "features.name": "pixels",
    "energy.width": 4,
    "data.split": "train[:100]",
    "num_samples": 20,
    "batch": 20,
    "num_steps": 4,
    "record_every": 2,
}


def words(settings: dict[str, object]) -> list[str]:
    return [word for name, v in settings.items() for word in ("--set", f"{name}={v}")]


def run(*arguments: object, executable: str) -> str:
    """Runs a command line in this process and returns the run's folder."""
    done = run_here(*arguments, executable=executable)
    assert (done.code, done.err) == (0, ""), done
    return done.out.splitlines()[-1]


def results(folder: str) -> dict:
    return json.loads(cloud.read(f"{folder}/results.json"))


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> str:
    """A run on disk."""
    output = tmp_path_factory.mktemp("local")
    return run(DIGITS, "--output", output, *assignments(**SHORT), executable="train")


@pytest.fixture(scope="module")
def learned() -> str:
    """The same run in a bucket."""
    output = "ram://bucket/runs"
    return run(DIGITS, "--output", output, *assignments(**SHORT), executable="train")


def test_a_run_in_a_bucket_is_a_run_on_disk(local, learned, tmp_path):
    assert learned.startswith("ram://bucket/runs/digits_nonconv/")
    copy = cloud.downloaded(learned, tmp_path / "copy")
    runs.assert_same_run(copy, pathlib.Path(local))
    there, here = cloud.files_below(learned), cloud.files_below(local)
    events = "tensorboard/"
    assert {name for name in there if not name.startswith(events)} == {
        name for name in here if not name.startswith(events)
    }
    logs = [(pathlib.Path(f) / "log.txt").read_text() for f in (copy, local)]
    assert logs[0].count("\n") == logs[1].count("\n") > 3


def test_what_tensorboard_reads_is_whole(local, learned, tmp_path):
    copy = cloud.downloaded(learned, tmp_path / "copy")
    told = []
    for folder in (copy, pathlib.Path(local)):
        tags = set()
        for path in (folder / "tensorboard").iterdir():
            for record in tf.data.TFRecordDataset(str(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                tags |= {(event.step, value.tag) for value in event.summary.value}
        told.append(tags)
    assert told[0] == told[1]
    assert {(9, "energy_difference"), (6, "samples")} < told[0]


def test_a_run_that_was_killed_goes_on_in_its_bucket(local, learned, tmp_path):
    """The last checkpoint and all that came after it are lost."""
    folder = "ram://bucket/killed/digits_nonconv/once"
    for name in cloud.files_below(learned):
        tf.io.gfile.makedirs(str(tf.io.gfile.join(folder, name)).rpartition("/")[0])
        if "00000009" not in name and name != "results.json":
            tf.io.gfile.copy(f"{learned}/{name}", f"{folder}/{name}")
    again = run("--resume", f"{folder}/", executable="train")
    assert again == folder
    copy = cloud.downloaded(folder, tmp_path / "copy")
    runs.assert_same_run(copy, pathlib.Path(local))
    done = run_here("--resume", folder, executable="train")
    assert done.code == 2 and "is finished; its metrics are in" in done.err


def test_a_mistake_leaves_no_folder_in_a_bucket():
    given = assignments(**SHORT, data__split="train[:1]")
    done = run_here(DIGITS, "--output", "ram://mistake/runs", *given)
    assert done.code == 2 and "fewer than one batch" in done.err
    assert cloud.files_below("ram://mistake") == set()
    assert not tf.io.gfile.isdir("ram://mistake/runs/digits_nonconv")


@pytest.fixture(scope="module")
def measured(learned) -> str:
    """The measurement of a run in a bucket, in the same bucket."""
    given = words(TINY_FID | {"weights": learned})
    output = "ram://bucket/runs"
    return run(DIGITS_FID, "--output", output, *given, executable="fid")


def test_weights_and_samples_in_a_bucket_are_measured(local, measured, tmp_path):
    given = words(TINY_FID | {"weights": local})
    there = results(run(DIGITS_FID, "--output", tmp_path, *given, executable="fid"))
    here = results(measured)
    assert here["weights"].keys() == there["weights"].keys()
    assert {**here, "weights": 0} == {**there, "weights": 0}
    assert len(cloud.files_below("ram://bucket/runs/reference")) == 1


def test_runs_in_a_bucket_are_compared(learned, tmp_path):
    runs_compared = f"('{learned}', '{learned}')"
    given = words({"runs": runs_compared, "num_samples": 20, "batch": 20})
    given += words({"num_steps": "(2, 4)"})
    config = ROOT / "configs_fid" / "digits_life.py"
    folder = run(config, "--output", "ram://compared", *given, executable="compare")
    first, second = results(folder)["runs"].values()
    assert [row["frechet_pixels"] for row in first] == [
        row["frechet_pixels"] for row in second
    ]
    assert f"{0}_digits_nonconv/results.json" in cloud.files_below(folder)


@pytest.mark.parametrize("place", ["ram://exported/new/folder", "{}/local"])
def test_samples_in_a_bucket_are_exported(measured, tmp_path, place):
    from tools import export_images

    output = place.format(tmp_path)
    samples = export_images.find_samples(measured, None, None)
    export_images.write(samples, output, rgb=False)
    found = {"samples.npz"} | {f"images/{index:05d}.png" for index in range(20)}
    assert cloud.files_below(output) == found
    folder = cloud.downloaded(output, tmp_path / "copy")
    with np.load(folder / "samples.npz") as stored:
        np.testing.assert_array_equal(stored["arr_0"], list(samples))
    with pytest.raises(RunError, match="a new or an empty folder"):
        export_images.write(samples, output, rgb=False)


def test_a_classifier_in_a_bucket_is_attacked_and_defended(learned, tmp_path):
    """As one on disk: the same weights, the same verdicts."""
    config = ROOT / "configs" / "digits_clean.py"
    found = []
    for output in ("ram://clf/runs", str(tmp_path)):
        given = words(TINY_CLASSIFIER)
        clf = run(config, "--output", output, *given, executable="train_clf")
        attack = {
            "weights": clf,
            "num_images": 20,
            "batch": 10,
            "pgd.num_steps": 2,
            "auto_attack": None,
            "carlini_wagner": None,
            "curve": (),
            "median": False,
        }
        path = ROOT / "configs_attack" / "digits_classifier.py"
        given = words(attack)
        attacked = run(path, "--output", output, *given, executable="attack")
        defence = {
            "weights": learned,
            "weights_kind": "raw",
            "classifier.weights": clf,
            "energy.width": 4,
            "num_images": 8,
            "batch": 4,
            "chunk": 8,
            "defense.num_steps": 2,
            "defense.num_replicates": 2,
            "attack.num_steps": 1,
            "attack.num_replicates": 2,
            "num_final_replicates": 2,
        }
        path = ROOT / "configs_attack" / "digits.py"
        given = words(defence)
        defended = run(path, "--output", output, *given, executable="attack")
        folders = (clf, attacked, defended)
        found.append([results(folder) for folder in folders])
    for here, there in zip(*found, strict=True):
        for name in ("weights", "updates_per_second"):
            here.pop(name, None)
            there.pop(name, None)
        assert here == there
