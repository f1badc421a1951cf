"""Whole runs of analyze.py and compare.py with attacks, as a user starts them."""

import json

import numpy as np
import pytest

from ebm_tf.config.attack_energies import ATTACKS
from tests import runs
from tests.runs import ROOT, run_here

ENERGIES = ROOT / "configs" / "digits_energies.py"
COMPARISON = ROOT / "configs" / "digits_energy_comparison.py"
CLASSIFIER = ROOT / "configs_attack" / "digits_classifier.py"
SMALL = {
    "num_test": 40,
    "num_validation": 30,
    "num_draws": 20,
    "batch": 20,
    "attacks.num_steps": 5,
    "attacks.step_size": 19.125,
    "attacks.num_targets": 2,
    "attacks.num_queries": 50,
    "attacks.carlini_wagner.num_steps": 30,
    "attacks.carlini_wagner.learning_rate": 0.2,
    "attacks.carlini_wagner.num_constants": 2,
    "attacks.carlini_wagner.initial_constant": 10.0,
}
QUICK = SMALL | {"attacks.attacks": "('pgd', 'apgd_ce')"}


def started(executable: str, *arguments: object, **settings) -> runs.Done:
    words = [w for n, v in settings.items() for w in ("--set", f"{n}={v}")]
    return run_here(*arguments, *words, executable=executable)


def read(done: runs.Done) -> dict:
    return json.loads((done.folder / "results.json").read_text())


@pytest.mark.slow
def test_an_analysis_has_energies_under_all_attacks(tmp_path):
    done = started("analyze", ENERGIES, "--output", tmp_path, **SMALL)
    assert done.code == 0, done.err
    results = read(done)
    attacks = results["attacks"]
    assert attacks["classifier"] == "digits_clean" and attacks["num_images"] == 40
    assert tuple(attacks["by_attack"]) == ATTACKS
    assert "attacks" in results["units"]
    accuracy = results["by_noise"][0]["accuracy"]
    assert attacks["natural_accuracy"] == accuracy
    for name, row in attacks["by_attack"].items():
        assert row["accuracy"] <= accuracy and row["num_fooled"] > 0
        assert row["num_not_finite"] == 0
        assert row["num_fooled"] == round(40 * (accuracy - row["accuracy"]))
        # The label becomes less likely by every attack that succeeds.
        low, high = row["fooled"]["delta_joint"]["mean_interval"]
        assert low <= row["fooled"]["delta_joint"]["mean"] <= high < 0
        assert f"{name}, " in done.out
    worst = attacks["worst_case"]
    assert worst["attacks"] == [name for name in ATTACKS if name != "carlini_wagner"]
    bounded = [attacks["by_attack"][name]["accuracy"] for name in worst["attacks"]]
    assert worst["accuracy"] <= min(bounded)
    assert (done.folder / "plots" / "attack_energies.png").exists()
    with np.load(done.folder / "attack_energies.npz") as stored:
        for name in ATTACKS:
            assert stored[f"{name}/fooled"].shape == (40,)


@pytest.mark.slow
def test_classifiers_are_compared_new_and_analysed_before(tmp_path):
    before = started("analyze", ENERGIES, "--output", tmp_path, **QUICK)
    assert before.code == 0, before.err
    attacked = started(
        "attack",
        *(CLASSIFIER, "--output", tmp_path, "--set", "num_images=20"),
        *("--set", "auto_attack=None", "--set", "carlini_wagner=None"),
        *("--set", "curve=()", "--set", "median=False", "--set", "batch=20"),
    )
    assert attacked.code == 0, attacked.err
    given = QUICK | {
        "runs": (str(before.folder), "release:digits_weat_adv"),
        "robustness": ("", str(attacked.folder)),
    }
    dry = started("compare", COMPARISON, "--dry_run", **given)
    assert f"0_digits_energies: analysed before, in {before.folder}" in dry.out
    assert "1_digits_weat_adv: attacks on all test images, linf radius 38.25" in dry.out
    done = started("compare", COMPARISON, "--output", tmp_path, **given)
    assert done.code == 0, done.err
    results = read(done)
    plain, robust = results["classifiers"]
    assert plain["classifier"] == "digits_clean" and plain["run"] == str(before.folder)
    assert plain["pgd"] == read(before)["attacks"]["by_attack"]["pgd"]
    assert robust["classifier"] == "digits_weat_adv"
    assert robust["robust_accuracy"] == read(attacked)["robust_accuracy"]
    assert robust["robust_accuracy_by"] == [str(attacked.folder), "pgd", "apgd_pm"]
    spread = [
        np.ptp(list(row["pgd"]["all"]["delta_joint"]["percentiles"].values()))
        for row in (plain, robust)
    ]
    assert spread[1] < 0.5 * spread[0]
    assert (done.folder / "plots" / "energy_differences.png").exists()
    part = done.folder / "1_digits_weat_adv"
    assert json.loads((part / "results.json").read_text())["num_images"] == 40


def test_a_dry_run_tells_the_attacks():
    done = started("analyze", ENERGIES, "--dry_run", **QUICK)
    assert done.code == 0, done.err
    assert "attacks on all test images, linf radius 38.25/255:" in done.out
    assert "  pgd: 5 steps; keeps the last image of the ascent" in done.out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"runs": ()}, "needs runs to compare"),
        ({"runs": ("release:none",)}, "none"),
        (
            {"runs": ("release:digits_clean",), "robustness": ("tests",)},
            "tests is not the folder of a run",
        ),
    ],
)
def test_a_mistake_is_one_line(settings, message, tmp_path):
    done = started("compare", COMPARISON, "--output", tmp_path, **settings)
    assert done.code == 2, done.out
    assert message in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.json"))
