"""A joint model that refines images before it classifies them, attacked."""

import json

import numpy as np
import pytest

from tests.joint_runs import joint_run
from tests.runs import ROOT, Done, run_here

JEM = ROOT / "configs_attack" / "digits_refined.py"
SMALL = {
    "num_images": 12,
    "batch": 6,
    "chunk": 12,
    "num_final_replicates": 3,
    "defense.num_steps": 2,
    "defense.num_replicates": 3,
    "attack.num_steps": 2,
    "attack.num_replicates": 2,
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> str:
    return str(joint_run(tmp_path_factory.mktemp("learned")))


def attack(*arguments: object, **settings: object) -> Done:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    words = [word for name, v in given.items() for word in ("--set", f"{name}={v}")]
    return run_here(JEM, *arguments, *words, executable="attack")


def read(done: Done) -> tuple[dict, dict[str, np.ndarray]]:
    assert done.code == 0, done.err
    with np.load(done.folder / "data_log" / "results.npz") as stored:
        return json.loads((done.folder / "results.json").read_text()), dict(stored)


@pytest.mark.slow
@pytest.mark.parametrize(
    "seen",
    [{}, {"attack__gradient": "chain", "attack__chain_steps": 2}],
    ids=["bpda", "chain"],
)
def test_one_run_is_energy_and_classifier(learned, tmp_path, seen):
    done = attack("--output", tmp_path, weights=learned, **seen)
    results, record = read(done)
    assert results["weights"]["energy"] == results["weights"]["classifier"]
    assert results["weights"]["energy"].startswith(learned)
    assert results["defense"]["start_noise"] == 0.1
    assert record["class_path"].shape == (4, 12)
    assert results["natural_accuracy"] >= results["robust_accuracy"]
    assert results["natural_accuracy"] > 0.5
    assert np.isfinite(record["losses"][0][record["class_path"][0] > 0]).all()
    moved = np.abs(record["ims_adv"] - record["ims_orig"]).max((1, 2, 3))
    assert (moved[record["class_path"][0] > 0] > 0).all()
    notes = [line for line in done.out.splitlines() if line.startswith("Note:")]
    assert notes == ["Note: classifier.width is that of the run which learned it."]
    assert not any("learned from" in warning for warning in results["warnings"])


@pytest.mark.slow
def test_verdicts_do_not_depend_on_the_batch(learned, tmp_path):
    runs = [
        read(attack("--output", tmp_path, weights=learned, batch=batch, chunk=chunk))
        for batch, chunk in ((6, 12), (5, 8))
    ]
    (_, one), (_, other) = runs
    for name in ("class_path", "final_predictions"):
        np.testing.assert_array_equal(one[name], other[name])
    np.testing.assert_allclose(one["losses"], other["losses"], rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_without_steps_noise_still_needs_no_energy(learned, tmp_path):
    done = attack("--output", tmp_path, weights=learned, defense__num_steps=0)
    results, record = read(done)
    assert list(results["weights"]) == ["classifier"]
    assert not np.array_equal(record["natural_predictions"], np.full(12, -1))


@pytest.mark.slow
def test_a_dry_run_tells_the_noise_and_what_differs(learned, tmp_path):
    settings = {"temperature": 0.5, "data__split": "train[:100]"}
    done = attack("--output", tmp_path, "--dry_run", weights=learned, **settings)
    assert done.code == 0, done.err
    assert "2 Langevin steps after normal noise of 0.1, 3 replicates" in done.out
    assert "temperature=0.5 (learned with 1.0) differs from how it was" in done.out
    assert "The classifier was learned from train[:1197], which shares" in done.out
    done = attack("--output", tmp_path, "--dry_run")
    assert done.code == 0 and "digits_jem/weights/classifier_selected" in done.out
    done = attack("--output", tmp_path, "--dry_run", weights=None)
    assert done.code == 0 and "--set weights=RUN" in done.out
