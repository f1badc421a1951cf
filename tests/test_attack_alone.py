"""Whole measurements of a small classifier of digits, on two logical devices."""

import dataclasses
import functools
import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import attack, pixels
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.attacks import AutoAttack, Ball, CarliniWagner, Pgd
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.data.arrays import digits, source_of
from ebm_tf.data.datasets import DATASETS, open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError, DataError, WeightsError
from ebm_tf.evaluation import attack_phases, batch_files
from ebm_tf.evaluation.robustness import interval
from ebm_tf.models.catalogue import build
from ebm_tf.runtime import run_folders
from ebm_tf.store import network_sources
from tests.runs import assert_same_arrays
from tests.slow import slow

NETWORK = ClassifierNetwork(architecture="small_cnn")
DATA = Data(name="digits", image_size=8, channels=1, split="train[1437:]")
SMALL = AutoAttack(num_steps=12, num_targets=2, num_queries=40)
BLIND = AutoAttack(num_steps=2, num_targets=1, num_queries=300)
NUM_IMAGES, EPSILON = 30, 25.5


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> str:
    """Weights of a classifier that some attacks break and others do not."""
    data = dataclasses.replace(DATA, split="train[:600]")
    images, labels = load_images(open_source(data), data)
    keras.utils.set_random_seed(0)
    model = build(NETWORK, 8, 1, "float32")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss)
    model.fit(images, labels, batch_size=60, epochs=6, verbose=0)  # pyright: ignore[reportArgumentType]
    path = str(tmp_path_factory.mktemp("learned") / "it.weights.h5")
    model.save_weights(path)
    return path


def measuring(weights: str | None, **settings) -> RobustnessMeasurement:
    given = {
        "name": "attacked",
        "data": DATA,
        "classifier": NETWORK,
        "weights": weights,
        "ball": Ball(epsilon=EPSILON),
        "pgd": Pgd(num_steps=5, step_size=8.0),
        "auto_attack": None,
        "num_images": NUM_IMAGES,
        "batch": 8,
        "device": "cpu",
    }
    return RobustnessMeasurement(**(given | settings))


def measure(config, output) -> tuple[pathlib.Path, dict]:
    run = run_folders.create(str(output), config, 1_700_000_000)
    return pathlib.Path(run.folder), attack.run(config, run)


def everything(weights: str) -> RobustnessMeasurement:
    return measuring(
        weights,
        auto_attack=SMALL,
        probability_margin=12,
        carlini_wagner=CarliniWagner(
            num_steps=20,
            num_constants=3,
            learning_rate=0.1,
            initial_constant=1.0,
            num_targets=2,
        ),
        curve=(0.0, 12.75, EPSILON, 127.5),
        median=True,
        num_bisections=3,
    )


@pytest.fixture(scope="module")
def measured(learned, tmp_path_factory) -> tuple[pathlib.Path, dict]:
    return measure(everything(learned), tmp_path_factory.mktemp("measured"))


@pytest.fixture(scope="module")
def record(measured) -> dict[str, np.ndarray]:
    with np.load(measured[0] / "record.npz") as stored:
        return dict(stored)


@pytest.mark.slow
def test_results(measured, learned):
    _, results = measured
    assert json.loads(json.dumps(results)) == results
    assert results["num_images"] == NUM_IMAGES and results["weights"] == learned
    names = ["pgd", "apgd_ce", "apgd_t", "fab_t", "square", "apgd_pm"]
    names += ["carlini_wagner", "pgd_smaller_radii"]
    assert list(results["by_attack"]) == names
    summary = results["summary"]
    assert summary["robust"] == results["robust_accuracy"]
    assert summary["auto_attack"] == results["by_attack"]["square"]["accuracy"]
    assert results["units"]["lengths"] == "255ths of the pixel range"
    for name in ("natural", "robust", "pgd", "apgd_ce", "apgd_pm"):
        share = results[f"{name}_accuracy"]
        expected = interval(round(share * NUM_IMAGES), NUM_IMAGES)
        assert results[f"{name}_accuracy_interval"] == expected
    assert results["natural_accuracy"] > 0.8
    assert "notes" not in results  # ten classes are enough
    assert set(results["flags"]) == {
        *("random_logits", "probabilities", "zero_gradients"),
        *("black_box_wins", "still_rising", "not_repeatable"),
    }
    for name in ("random_logits", "probabilities", "not_repeatable"):
        assert not results["flags"][name]


@pytest.mark.slow
def test_accuracies_fall_in_order(measured):
    _, results = measured
    rows = list(results["by_attack"].values())
    accuracies = [results["natural_accuracy"], *(row["accuracy"] for row in rows)]
    assert accuracies == sorted(accuracies, reverse=True)
    np.testing.assert_allclose(-np.diff(accuracies), [row["broke"] for row in rows])
    assert accuracies[-1] == results["robust_accuracy"]
    assert results["robust_accuracy"] <= results["apgd_ce_accuracy"]
    assert results["robust_accuracy"] <= results["pgd_accuracy"] < 0.9
    assert accuracies[1] == results["pgd_accuracy"]


@pytest.mark.slow
def test_the_record_bears_the_accuracies_out(measured, record, learned):
    """Its images are inside the ball, and the classifier itself errs at them."""
    results = measured[1]
    images, labels = load_images(open_source(DATA), DATA)
    positions = record["positions"]
    assert len(set(positions)) == NUM_IMAGES and positions.max() >= 2 * NUM_IMAGES
    images, labels = images[positions], labels[positions]
    np.testing.assert_array_equal(record["natural"], images)
    np.testing.assert_array_equal(record["labels"], labels)
    model = build(NETWORK, 8, 1, "float32")
    model.load_weights(learned)
    natural, attacked = (
        np.argmax(model(record[name]), -1) for name in ("natural", "adversarial")
    )
    np.testing.assert_array_equal(record["natural_predictions"], natural)
    np.testing.assert_array_equal(record["adversarial_predictions"], attacked)
    assert (natural == labels).mean() == results["natural_accuracy"]
    assert (attacked == labels).mean() == results["robust_accuracy"]
    np.testing.assert_array_equal(record["broken_by"] < 0, attacked == labels)
    np.testing.assert_array_equal(record["broken_by"] == 0, natural != labels)
    distance = np.abs(record["adversarial"] - images).max((1, 2, 3))
    assert distance.max() <= pixels.from_255ths(EPSILON) + 1e-6
    assert np.abs(record["adversarial"]).max() <= 1
    assert record["attacks"][:2].tolist() == ["natural", "pgd"]


@pytest.mark.slow
def test_the_curve_and_the_median(measured):
    results = measured[1]
    curve = {row["epsilon"]: row["accuracy"] for row in results["curve"]}
    assert list(curve) == [0.0, 12.75, EPSILON, 127.5]
    assert curve[0.0] == results["natural_accuracy"]
    values = list(curve.values())
    assert values == sorted(values, reverse=True)
    # What broke at a smaller radius counts as broken in the ball too.
    assert results["robust_accuracy"] <= curve[EPSILON] <= results["pgd_accuracy"]
    low = max(radius for radius, value in curve.items() if value > 0.5)
    high = min(radius for radius, value in curve.items() if value <= 0.5)
    assert low <= results["median_radius"] <= high
    assert results["largest_radius"] == 127.5
    assert results["num_censored"] == round(curve[127.5] * NUM_IMAGES)
    # A ball of the largest difference d has images as far as sqrt(64) d.
    assert 0 < results["median_l2_distance"] < 8 * 255


@pytest.mark.slow
def test_the_record_of_radii(measured, record):
    rows = {row["epsilon"]: row["accuracy"] for row in measured[1]["curve"]}
    assert record["radii"].tolist() == [12.75, EPSILON, 127.5]
    found, smallest = record["broken_at_radii"], record["smallest_radius"]
    assert found.shape == (3, NUM_IMAGES) and set(np.unique(found)) <= {-1, 0, 1}
    right = record["broken_by"] != 0
    np.testing.assert_array_equal(found[0] >= 0, right)
    for row, radius in enumerate(record["radii"]):
        ever = (found[: row + 1] == 1).any(0)
        assert rows[radius] == (right & ~ever).mean()
        np.testing.assert_array_equal(right & (smallest <= radius), ever)


@pytest.mark.slow
def test_what_breaks_in_a_smaller_ball_is_not_robust(learned, tmp_path, monkeypatch):
    """PGD that fails in the ball itself, and only there."""

    def failing(classifier, settings, ball):
        pgd = pgd_attack(classifier, settings, ball)

        def in_small_balls(images, labels, epsilon, seed):
            small = epsilon < pixels.from_255ths(EPSILON) * 0.99
            return pgd(images, labels, tf.where(small, epsilon, 0.0), seed)

        return in_small_balls

    monkeypatch.setattr(attack_phases, "pgd_attack", failing)
    config = measuring(learned, curve=(20.0,), pgd=Pgd(num_steps=5, step_size=8.0))
    folder, results = measure(config, tmp_path)
    assert results["pgd_accuracy"] == results["natural_accuracy"]
    at_20, at_ball = (row["accuracy"] for row in results["curve"][1:])
    assert at_20 == at_ball == results["robust_accuracy"] < results["pgd_accuracy"]
    stored = arrays(folder)
    name = stored["attacks"][stored["broken_by"].max()]
    assert name == "pgd_smaller_radii"
    assert not (stored["broken_at_radii"][1] == 1).any()
    distance = np.abs(stored["adversarial"] - stored["natural"]).max((1, 2, 3))
    inside = stored["broken_by"] == stored["broken_by"].max()
    assert 0 < distance[inside].max() <= pixels.from_255ths(20.0) + 1e-6
    wrong = stored["adversarial_predictions"] != stored["labels"]
    np.testing.assert_array_equal(wrong, stored["broken_by"] >= 0)


def test_images_are_drawn_by_the_seed(learned):
    """Or are the first, where that is asked for; the description tells how many."""

    def opened(**settings):
        return attack.open_system(measuring(learned, **settings))

    drawn = opened()
    assert "data: 30 images" in "\n".join(attack.describe(measuring(learned)))
    np.testing.assert_array_equal(drawn.positions, opened().positions)
    assert not np.array_equal(drawn.positions, opened(seed=1).positions)
    first = opened(subset="first")
    np.testing.assert_array_equal(first.positions, np.arange(NUM_IMAGES))
    images, labels = load_images(open_source(DATA), DATA)
    for system in (drawn, first):
        found = attack.natural_images(measuring(learned), system)
        np.testing.assert_array_equal(found[0], images[system.positions])
        np.testing.assert_array_equal(found[1], labels[system.positions])
    for num_images in (None, 10_000):
        everything = opened(num_images=num_images)
        np.testing.assert_array_equal(everything.positions, np.arange(len(labels)))


@pytest.mark.slow
def test_what_a_measurement_leaves(measured):
    folder = measured[0]
    found = {p.relative_to(folder).parts[0] for p in folder.rglob("*") if p.is_file()}
    assert found == {
        *("config.json", "environment.json", "inputs.json", "log.txt", "record.npz"),
        *("checkpoints", "images", "plots"),
    }
    for name in ("images/attacked.png", "plots/accuracy_by_epsilon.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def arrays(folder: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(folder / "record.npz") as stored:
        return dict(stored)


@pytest.mark.slow
def test_a_run_that_is_killed_ends_as_one_that_is_not(learned, tmp_path, monkeypatch):
    pgd = Pgd(num_steps=3, step_size=9.0)
    config = measuring(learned, curve=(12.75,), pgd=pgd, batch=12)
    folder, expected = measure(config, tmp_path / "whole")
    run = run_folders.create(str(tmp_path), config, 1_700_000_000)
    save, saved = batch_files.save_arrays, []

    def killed(path, **rows):
        save(path, **rows)
        saved.append(1)
        if len(saved) in (1, 6, 10):
            raise KeyboardInterrupt

    monkeypatch.setattr(batch_files, "save_arrays", killed)
    for _ in range(3):  # while it looks, while it attacks, and at another radius
        with pytest.raises(KeyboardInterrupt):
            attack.run(config, run)
        assert run.is_begun
    assert attack.run(config, run) == expected
    # Two looks at 30 images and attacks on nearly all of them, by twelve.
    assert len(saved) in (11, 12)
    assert_same_arrays(arrays(pathlib.Path(run.folder)), arrays(folder))


def test_a_classifier_that_is_always_wrong_is_not_attacked(
    learned, tmp_path, monkeypatch
):
    natural_images = attack.natural_images

    def mislabelled(config, system, limit=None):
        images, _ = natural_images(config, system, limit)
        return images, (np.argmax(system.model.classifier(images), 1) + 1) % 10

    monkeypatch.setattr(attack, "natural_images", mislabelled)
    config = dataclasses.replace(
        everything(learned), auto_attack=None, probability_margin=0
    )
    folder, results = measure(config, tmp_path)
    assert results["natural_accuracy"] == results["robust_accuracy"] == 0
    assert results["median_radius"] == results["median_l2_distance"] == 0
    assert not (arrays(folder)["broken_at_radii"] >= 0).any()


@pytest.mark.slow
def test_verdicts_do_not_depend_on_the_batch(learned, tmp_path):
    """Each image draws by a key of its own."""
    pgd = Pgd(num_steps=3, step_size=9.0)
    found = []
    for size in (6, 14):
        config = measuring(learned, pgd=pgd, batch=size)
        folder, results = measure(config, tmp_path / str(size))
        found.append((results, arrays(folder)))
    assert found[0][0] == found[1][0]
    for name in ("broken_by", "adversarial_predictions"):
        np.testing.assert_array_equal(found[0][1][name], found[1][1][name])


def test_no_attack_is_refused():
    with pytest.raises(ConfigError, match="Expected an attack in attacked: one of pgd"):
        measuring("some", pgd=None)


@pytest.mark.slow
def test_half_that_never_breaks_has_no_median(learned, tmp_path):
    config = measuring(learned, ball=Ball(epsilon=0.01), median=True)
    _, results = measure(config, tmp_path)
    assert results["median_radius"] is None and results["largest_radius"] == 0.01
    share = results["num_censored"] / NUM_IMAGES
    assert share == pytest.approx(results["pgd_accuracy"]) and share > 0.5
    assert results["robust_accuracy"] == results["pgd_accuracy"]


@keras.saving.register_keras_serializable("tests")
class Noisy(keras.layers.Layer):
    """Adds noise, in inference too."""

    def call(self, inputs):
        return inputs + tf.random.normal(tf.shape(inputs), stddev=0.5)


@keras.saving.register_keras_serializable("tests")
class Coarse(keras.layers.Layer):
    """Rounds to a few values, through which no gradient comes."""

    def call(self, inputs):
        return tf.round(2 * inputs) / 2


def altered(monkeypatch, learned: str, *, before=(), after=()) -> None:
    """Has the classifier built between other layers."""

    def between(settings, image_size, channels, dtype):
        inner = build(settings, image_size, channels, dtype)
        layers = [keras.Input((image_size, image_size, channels))]
        model = keras.Sequential([*layers, *before, inner, *after])
        inner.load_weights(learned)
        return model

    monkeypatch.setattr(network_sources, "build", between)
    monkeypatch.setattr(network_sources.NetworkSource, "load", lambda *_: learned)


@pytest.mark.parametrize(
    ("before", "after", "attacks", "flags"),
    [
        slow([], [keras.layers.Softmax], None, {"probabilities"}),
        slow([Coarse], [], BLIND, {"zero_gradients", "black_box_wins"}),
        ([Noisy], [], None, {"random_logits"}),
    ],
    ids=["softmax", "coarse", "noisy"],
)
def test_flags(learned, monkeypatch, before, after, attacks, flags, tmp_path):
    altered(
        monkeypatch,
        learned,
        before=[layer() for layer in before],
        after=[layer() for layer in after],
    )
    config = measuring(learned, auto_attack=attacks, batch=30, ball=Ball(epsilon=38.25))
    folder, results = measure(config, tmp_path)
    raised = {name for name, flag in results["flags"].items() if flag}
    assert flags <= raised
    assert {"probabilities", "random_logits"} & raised <= flags
    assert len(results["warnings"]) == len(raised)
    log = (folder / "log.txt").read_text()
    assert all(f"Warning: {warning}" in log for warning in results["warnings"])


@pytest.mark.slow
def test_what_is_random_is_verified_several_times(learned, monkeypatch, tmp_path):
    altered(monkeypatch, learned, before=[Noisy()])
    attacks = AutoAttack(
        version="rand", num_steps=5, num_eot_samples=2, num_verifications=5
    )
    config = measuring(learned, auto_attack=attacks, batch=30)
    _, results = measure(config, tmp_path)
    assert list(results["by_attack"]) == ["pgd", "apgd_ce", "apgd_dlr"]
    assert results["flags"]["random_logits"] and not results["flags"]["not_repeatable"]
    assert results["robust_accuracy"] <= results["natural_accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [2, 3])
def test_few_classes_are_attacked_and_told(num_classes, tmp_path, monkeypatch):
    def few(split, directory):
        images, labels = digits("train", directory)
        return images[-40:], labels[-40:] % num_classes

    opening = functools.partial(source_of, few, "few", origin="here")
    monkeypatch.setitem(DATASETS, "few", opening)
    network = dataclasses.replace(NETWORK, num_classes=num_classes)
    path = str(tmp_path / "few.weights.h5")
    build(network, 8, 1, "float32").save_weights(path)
    config = dataclasses.replace(
        everything(path),
        classifier=network,
        data=dataclasses.replace(DATA, name="few", split="train"),
        pgd=Pgd(loss="dlr", num_steps=2),
        auto_attack=AutoAttack(num_steps=3, num_queries=5),
        curve=(),
        median=False,
    )
    lines = list(attack.describe(config))
    folder, results = measure(config, tmp_path)
    names = ["pgd", "apgd_ce", "apgd_t", "fab_t", "square", "apgd_pm", "carlini_wagner"]
    assert list(results["by_attack"]) == names
    targets = f"targets of apgd_t and fab_t: {num_classes - 1} in place of 9"
    told = [f"apgd_t raises the gap of two logits: of {num_classes} classes", targets]
    if num_classes == 2:
        told.insert(0, "pgd raises the margin: of 2 classes there is no dlr loss")
        told.append("targets of carlini_wagner: 1 in place of 2, all there are")
    assert len(results["notes"]) == len(told)
    log = (folder / "log.txt").read_text()
    for note, part in zip(results["notes"], told, strict=True):
        assert note.startswith(part) and f"Note: {note}.\n" in log
        assert f"note: {note}" in lines
    rand = AutoAttack(version="rand", num_steps=2, num_eot_samples=2)
    config = dataclasses.replace(config, auto_attack=rand, carlini_wagner=None)
    _, results = measure(config, tmp_path / "rand")
    is_told = any("apgd_dlr raises" in note for note in results.get("notes", ()))
    assert is_told == (num_classes == 2)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"weights": None}, WeightsError, "needs weights: --set weights=RUN"),
        ({"weights": "none"}, WeightsError, "No weights at none"),
        ({"batch": 7}, ConfigError, "batch=7 to be divisible by 2 replicas"),
        (
            {"classifier": ClassifierNetwork(architecture="small_cnn", num_classes=4)},
            WeightsError,
            "do not fit the classifier",
        ),
        (
            {"data": dataclasses.replace(DATA, name="digit")},
            DataError,
            "Unknown dataset 'digit'",
        ),
    ],
)
def test_what_is_missing_is_told(learned, settings, error, message, tmp_path):
    config = dataclasses.replace(measuring(learned), **settings)
    with pytest.raises(error) as told:
        measure(config, tmp_path)
    assert message in str(told.value) and "\n" not in str(told.value)


def test_labels_that_are_no_classes_are_told(tmp_path):
    network = dataclasses.replace(NETWORK, num_classes=4)
    path = str(tmp_path / "four.weights.h5")
    build(network, 8, 1, "float32").save_weights(path)
    with pytest.raises(
        DataError, match="labels 0 to 9, but the classifier's num_classes=4"
    ):
        measure(measuring(path, classifier=network), tmp_path)
    with pytest.raises(DataError, match="num_classes=4"):  # a dry run tells it too
        list(attack.describe(measuring(path, classifier=network)))
