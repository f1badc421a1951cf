"""The executable on the run of a classifier, as a user starts it."""

import json
import pathlib
import shutil
import signal

import pytest

from ebm_tf.config import core
from ebm_tf.config.overrides import override
from ebm_tf.models.catalogue import build
from ebm_tf.store.sources import find
from tests import runs
from tests.runs import ROOT, learn_here, run_here

ATTACK = ROOT / "ebm_tf" / "attack.py"
DIGITS = ROOT / "configs_attack" / "digits_classifier.py"
LEARNING = [
    "num_updates=80",
    "validate_every=80",
    "batch=20",
    "data.split=train[:600]",
    "validation_split=train[1197:1217]",
    "test_split=train[1437:1447]",
    "evaluation_batch=10",
    "classifier.width=6",
    "classifier.depth=2",
    "evaluation_attack.num_steps=2",
    "optimizer.learning_rate=0.05",
    "optimizer.momentum=0.9",
]
SMALL = {
    "num_images": 20,
    "subset": "first",
    "batch": 10,
    "pgd.num_steps": 3,
    "auto_attack": None,
    "probability_margin": 0,
    "carlini_wagner": None,
    "curve": (),
    "median": False,
}


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> pathlib.Path:
    """A run with a classifier of a width of its own."""
    config = core.load(str(ROOT / "configs" / "digits_clean.py"))
    output = tmp_path_factory.mktemp("learned")
    return learn_here(override(config, LEARNING), output)[0]


def words(**settings) -> list[str]:
    given = SMALL | {name.replace("__", "."): v for name, v in settings.items()}
    return [word for name, v in given.items() for word in ("--set", f"{name}={v}")]


def attack(*arguments: object, **settings) -> runs.Done:
    return run_here(*arguments, *words(**settings), executable="attack")


def test_a_run_is_attacked_with_its_own_network(learned, tmp_path):
    done = attack(DIGITS, "--output", tmp_path, weights=learned)
    assert done.code == 0, done.err
    assert "ebm_tf attack: digits_classifier" in done.out
    results = json.loads((done.folder / "results.json").read_text())
    assert results["name"] == "digits_classifier" and results["num_images"] == 20
    assert results["weights"] == find(str(learned)).file("classifier", kind="selected")
    for name in ("natural_accuracy", "robust_accuracy"):
        low, high = results[f"{name}_interval"]
        assert 0 <= low <= results[name] <= high <= 1
    assert results["robust_accuracy"] < results["natural_accuracy"] > 0.5
    again = run_here("--resume", done.folder, executable="attack")
    assert again.code == 2 and "is finished; its metrics are in" in again.err


@pytest.mark.slow
def test_a_weight_file_takes_the_network_of_the_config(learned, tmp_path):
    of_run = find(str(learned)).file("classifier", kind="selected")
    path = shutil.copy(of_run, tmp_path / "mine.weights.h5")
    found = []
    for number, given in enumerate(("weights", "classifier__weights")):
        done = attack(
            DIGITS,
            "--output",
            tmp_path / str(number),
            classifier__width=6,
            classifier__depth=2,
            **{given: path},
        )
        assert done.code == 0, done.err
        found.append(json.loads((done.folder / "results.json").read_text()))
    assert found[0] == found[1] and found[0]["weights"] == str(path)
    done = attack(DIGITS, "--output", tmp_path, weights=path)
    assert done.code == 2 and "do not fit the classifier" in done.err


@pytest.mark.slow
def test_a_weight_file_of_a_run_brings_its_network(learned, tmp_path):
    path = find(str(learned)).file("classifier", kind="selected")
    done = attack(DIGITS, "--output", tmp_path, weights=path)
    assert done.code == 0, done.err
    done = attack(DIGITS, "--output", tmp_path, weights=path, data__image_size=16)
    assert done.code == 2 and "learned from images of 8 pixels" in done.err


def test_a_dry_run_writes_nothing(learned, tmp_path):
    done = attack(DIGITS, "--output", tmp_path / "runs", "--dry_run", weights=learned)
    assert done.code == 0, done.err
    config = core.load(str(ROOT / "configs" / "digits_clean.py"))
    network = override(config, LEARNING).classifier
    count = build(network, 8, 1, "float32").count_params()
    assert f"{count:,} parameters" in done.out
    assert "attacks: pgd\n" in done.out
    assert "data: 20 images of digits, scikit-learn" in done.out
    done = attack(DIGITS, "--output", tmp_path / "runs", "--dry_run", weights=None)
    assert done.code == 0 and "missing: The classifier of digits_cl" in done.out
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"weights": None},
            "The classifier of digits_classifier needs weights: --set weights=RUN",
        ),
        ({"weights": "none"}, "No weights at none: expected a file"),
        ({"weights": "{run}", "batch": 9}, "batch=9 to be divisible by 2 replicas"),
        (
            {"weights": "{run}", "data__image_size": 16},
            "learned from images of 8 pixels and 1 channels, but data.image_size=16",
        ),
        ({"weights": "{run}", "weights_kind": "best"}, "weights_kind='best'"),
        ({"weights": "{run}", "pgd": None, "median": True}, "Expected an attack in"),
        ({"weights": "{run}", "pgd": None}, "Expected an attack in digits_classifier"),
    ],
)
def test_a_mistake_is_one_line(learned, settings, message, tmp_path):
    settings = {
        name: str(value).format(run=learned) for name, value in settings.items()
    }
    done = attack(DIGITS, "--output", tmp_path, **settings)
    assert done.code == 2
    assert message in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.slow
def test_a_run_that_learned_no_classifier_is_told(learned, tmp_path):
    first = attack(DIGITS, "--output", tmp_path, weights=learned)
    weights = first.folder / "weights"
    weights.mkdir()
    (weights / "classifier.weights.h5").write_bytes(b"")
    done = attack(DIGITS, "--output", tmp_path / "other", weights=first.folder)
    assert done.code == 2 and "did not learn a classifier" in done.err


def test_the_wrong_program_names_the_right_one(learned):
    done = run_here(DIGITS, *words(weights=learned), executable="train_clf")
    assert done.code == 2 and "python3 ebm_tf/attack.py" in done.err


@pytest.mark.slow
def test_kill_9_and_sigterm_lose_at_most_a_batch(learned, tmp_path):
    """Stopped and gone on with, a measurement ends as one that never was."""
    settings = words(weights=learned, batch=2, curve=(9.0, 20.0), median=True)
    settings += ["--set", "pgd.num_steps=600", "--set", "num_bisections=2"]

    def begin(*arguments: object):
        return runs.start(*arguments, program=[ATTACK])

    whole = runs.finish(begin(DIGITS, "--output", tmp_path / "whole", *settings))
    assert (whole.code, whole.err) == (0, ""), whole
    output = tmp_path / "stopped"
    process = begin(DIGITS, "--output", output, *settings)

    def num_files() -> int:
        return len(list(output.rglob("checkpoints/attacks/*/*.npz")))

    for number, more in (
        (signal.SIGKILL, 2),
        (signal.SIGTERM, 22),
        (signal.SIGKILL, 3),
    ):
        goal = num_files() + more
        runs.wait_until(process, lambda goal=goal: num_files() >= goal)
        process.send_signal(number)
        done = runs.finish(process)
        folder = runs.run_folder(output)
        assert folder is not None and not (folder / "results.json").exists()
        if number == signal.SIGTERM:
            assert (done.code, done.err) == (3, ""), done
            told, hint, last = done.out.splitlines()[-3:]
            assert "saved" in told and last == str(folder)
            assert hint.endswith(f"ebm_tf/attack.py --resume {folder}")
        process = begin("--resume", folder)
    done = runs.finish(process)
    assert (done.code, done.err) == (0, ""), done
    for name in ("results.json", "record.npz", "images/attacked.png"):
        first, second = (path / name for path in (done.folder, whole.folder))
        assert first.read_bytes() == second.read_bytes(), name
