"""Long-run learning: a prior, then its correction, on two devices of this process."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

from ebm_tf import fid
from ebm_tf.config import core
from ebm_tf.config.ebm import LongRunTraining
from ebm_tf.config.fid import Sweep
from ebm_tf.config.overrides import override
from ebm_tf.sampling.segments import load_samples
from tests import runs
from tests.runs import (
    ROOT,
    assert_same_arrays,
    assert_same_run,
    learn_here,
    measuring,
    run_here,
    saved_arrays,
    weights,
)

CONFIG = ROOT / "configs" / "digits_conv.py"
FULL_AGE = 3
SMALL = {
    "num_updates": 8,
    "save_every": 4,
    "log_every": 2,
    "picture_every": 4,
    "batch": 20,
    "data.split": "train[:100]",
    "energy.width": 6,
    "prior.width": 4,
    "prior.weights": None,
    "generator": None,
    "chains.start": "data",
    "chains.bank_size": 60,
    "chains.burn_in_size": 40,
    "chains.num_steps": 2,
    "chains.burn_in_steps": 3,
    "chains.burn_in_visits": FULL_AGE,
    "samples.num_samples": 20,
    "samples.num_steps": 4,
}
# Leaves of the state of a replica.
BANK, AGES, COUNT, BURN_IN, BURN_IN_AGES = 0, 2, 3, 4, 6


def assignments(**changed: object) -> list[str]:
    given = SMALL | {name.replace("__", "."): value for name, value in changed.items()}
    return [f"{name}={value}" for name, value in given.items()]


def correcting(prior: object, **changed: object) -> LongRunTraining:
    """A short experiment that corrects what a run has learned."""
    named = {"prior__weights": prior} | changed
    return override(core.load(str(CONFIG)), assignments(**named))


@pytest.fixture(scope="module")
def prior(digits_run) -> pathlib.Path:
    """The folder of a run that has learned a prior."""
    return digits_run[0]


@pytest.fixture(scope="module")
def learned(prior, tmp_path_factory) -> tuple[pathlib.Path, dict]:
    """A run that has corrected it, and never stopped."""
    return learn_here(correcting(prior), tmp_path_factory.mktemp("learned"))


def leaves(arrays: dict[str, np.ndarray], leaf: int) -> list[np.ndarray]:
    """A part of the state on both replicas."""
    return [arrays[f"state/{replica}/{leaf}"] for replica in (0, 1)]


def test_results(learned):
    results = learned[1]
    assert json.loads(json.dumps(results)) == results
    assert results["num_updates"] == 8 and results["num_samples"] == 20
    assert 0 < results["frechet_pixels"] < 100


def test_what_a_run_leaves(learned):
    folder = learned[0]
    names = {
        f"{part}/{p.name}"
        for part in ("plots", "weights", "images")
        for p in (folder / part).iterdir()
    }
    assert names == {
        *("plots/diagnosis.png", "plots/burn_in.png"),
        *("images/data.png", "images/samples.png", "images/chains.gif"),
        *(
            f"images/{kind}_{update:08d}.png"
            for kind in ("samples", "bank", "burn_in")
            for update in (1, 4, 8)
        ),
        *(
            f"weights/{role}_{update:08d}.weights.h5"
            for role in ("energy", "energy_average")
            for update in (4, 8)
        ),
        "weights/prior.weights.h5",
    }


def test_the_prior_stays_as_it_was_learned(learned, prior):
    file = prior / "weights" / "energy_average_00000009.weights.h5"
    kept = learned[0] / "weights" / "prior.weights.h5"
    assert_same_arrays(weights(kept), weights(file))
    first, last = (saved_arrays(learned[0], update) for update in (0, 8))
    names = [name for name in first if name.startswith("prior/")]
    assert len(names) > 5
    for name in names:
        np.testing.assert_array_equal(first[name], last[name])
    moved = [name for name in first if name.startswith("energy/")]
    assert not any(np.array_equal(first[name], last[name]) for name in moved)
    assert not any(name.startswith("prior_optimizer") for name in first)


def test_old_chains_take_the_places_of_others(learned):
    first, half, last = (saved_arrays(learned[0], update) for update in (0, 4, 8))
    for leaf, size in ((BANK, 30), (BURN_IN, 20)):
        states = [np.concatenate(leaves(a, leaf)) for a in (first, half, last)]
        assert all(state.shape == (2 * size, 8, 8, 1) for state in states)
        assert not np.array_equal(states[0], states[1])
        assert not np.array_equal(states[1], states[2])
        assert len({image.tobytes() for image in states[2]}) == 2 * size
    for ages in leaves(last, BURN_IN_AGES):
        assert ages.min() >= 0 and ages.max() <= FULL_AGE
    assert [int(count) for count in leaves(last, COUNT)] == [8, 8]
    # Ages are spread at first, so that some of the chains are old before long.
    history = dict(zip(last["history_names"], last["history"].T, strict=True))
    moved = history["rejuvenated"] * 20
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-5)
    assert 0 < moved.sum() < 160


@pytest.mark.slow
def test_a_run_in_two_pieces_is_one_run(learned, tmp_path):
    """Both banks, the prior and all figures: also where the prior's run is gone."""
    folder = pathlib.Path(shutil.copytree(learned[0], tmp_path / "copy"))
    (folder / "results.json").unlink()
    for path in folder.glob("checkpoints/*/00000008.*"):
        path.unlink()
    for name in ("energy", "energy_average"):
        (folder / "weights" / f"{name}_00000008.weights.h5").unlink()
    text = (folder / "config.json").read_text()
    config = json.loads(text)
    assert config["type"] == "ebm_tf.config.ebm.LongRunTraining"
    config["prior"]["weights"] = str(tmp_path / "gone")
    (folder / "config.json").write_text(json.dumps(config))
    done = run_here("--resume", folder, executable="train_longrun")
    assert (done.code, done.err, done.folder) == (0, "", folder)
    results = json.loads((folder / "results.json").read_text())
    assert results.pop("name") == "digits_conv"
    (folder / "results.json").write_text(json.dumps(results))
    assert_same_run(folder, learned[0])
    plots = [path / "plots" / "burn_in.png" for path in (folder, learned[0])]
    assert plots[0].read_bytes() == plots[1].read_bytes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({}, "The prior of digits_conv does not learn, so it needs weights: --set"),
        ({"prior__weights": "none"}, "No weights at none: expected a file"),
        ({"prior__weights": "{prior}", "prior__width": 5}, "do not fit the prior"),
        ({"prior": None}, "Expected a prior, which is corrected."),
        ({"chains__burn_in_size": 19}, "batch=20 to be at most burn_in_size=19."),
        ({"chains__burn_in_visits": 0}, "burn_in_visits=0 to be at least 1."),
        ({"chains__start": "generator"}, "a generator where chains start from one."),
        ({"batch": 21}, "Expected batch=21 to be divisible by 2 replicas."),
    ],
)
def test_mistakes(prior, tmp_path, changed, message):
    texts = [text.format(prior=prior) for text in assignments(**changed)]
    if changed.get("prior", ...) is None:
        texts.remove("prior.width=4")
    words = [word for text in texts for word in ("--set", text)]
    out = tmp_path / "out"
    done = run_here(CONFIG, "--output", out, *words, executable="train_longrun")
    assert done.code == 2, done
    (line,) = done.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not list(out.glob("*/*")), "no run folder is left behind"


def test_a_dry_run_tells_both_banks_and_the_prior(prior):
    words = [w for text in assignments(prior__weights=prior) for w in ("--set", text)]
    done = run_here(CONFIG, *words, "--dry_run", executable="train_longrun")
    assert (done.code, done.err) == (0, "")
    for line in (
        f"bank: 60 chains, {60 * 4 * 65:,} bytes",
        f"burn_in: 40 chains, {40 * 4 * 65:,} bytes",
        f"Weights of the prior: {prior}/weights/energy_average_00000009.weights.h5",
    ):
        assert line in done.out.splitlines()


def samples_in(folder: pathlib.Path) -> np.ndarray:
    return np.concatenate([images for images, _ in load_samples(str(folder), 4)])


@pytest.mark.slow
def test_measuring_it_samples_prior_and_energy(learned, tmp_path):
    """The samples that learning drew; J divides both energies, not the Gaussian."""
    config = correcting("", prior__weights=None)
    plain = measuring(config, learned[0])
    folder, results = learn_here(plain, tmp_path)
    names = {role: pathlib.Path(path).name for role, path in results["weights"].items()}
    assert names == {
        "energy": "energy_average_00000008.weights.h5",
        "prior": "prior.weights.h5",
    }
    assert (folder / "images" / "samples_00000004.png").read_bytes() == (
        learned[0] / "images" / "samples.png"
    ).read_bytes()
    hot, results = learn_here(
        dataclasses.replace(plain, joint_temperature=2.0), tmp_path
    )
    assert results["joint_temperature"] == 2.0
    assert not np.array_equal(samples_in(hot), samples_in(folder))
    # A power of two: the same bits where both temperatures are doubled.
    doubled = dataclasses.replace(plain, temperature=2 * plain.temperature)
    same, _ = learn_here(doubled, tmp_path)
    np.testing.assert_array_equal(samples_in(same), samples_in(hot))
    assert "Note: temperature=" in (same / "log.txt").read_text()
    # The energy alone is another one, and that is said.
    alone, _ = learn_here(dataclasses.replace(plain, prior=None), tmp_path)
    assert not np.array_equal(samples_in(alone), samples_in(folder))
    assert "Note: prior=None (learned with " in (alone / "log.txt").read_text()


def test_a_sweep_of_it_has_one_prior(learned):
    config = measuring(correcting("", prior__weights=None), learned[0], sweep=Sweep())
    lines = [line for line in fid.describe(config) if line.startswith("weights of")]
    folder = learned[0] / "weights"
    assert lines == [
        f"weights of the energy: {folder}/energy_average_00000004.weights.h5",
        f"weights of the prior: {folder}/prior.weights.h5",
        f"weights of the energy: {folder}/energy_average_00000008.weights.h5",
        f"weights of the prior: {folder}/prior.weights.h5",
    ]


def test_the_wrong_executable_names_the_right_one(tmp_path):
    for path, program in ((CONFIG, "train"), (runs.DIGITS, "train_longrun")):
        done = run_here(path, "--output", tmp_path, executable=program)
        right = core.load(str(path)).executable
        assert done.code == 2 and f"run python3 ebm_tf/{right}.py" in done.err
    assert not list(tmp_path.iterdir())
