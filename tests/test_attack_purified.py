"""Whole runs of a defence: any chunk and device, kill and resume, any energy."""

import dataclasses
import functools
import json
import pathlib
import signal
from collections.abc import Iterator

import keras
import numpy as np
import pytest

from ebm_tf import attack
from ebm_tf.config import core
from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.defense import (
    DefenseMeasurement,
    EnergyDescent,
    Purification,
    PurifiedAutoAttack,
    PurifiedPgd,
)
from ebm_tf.config.parts import Data, Langevin, Network
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import ConfigError, DataError, EarlyStopError, WeightsError
from ebm_tf.evaluation.purified_attacks import PurifiedAttack
from ebm_tf.evaluation.purified_setup import purified_system
from ebm_tf.models.catalogue import build
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.workspace import Workspace
from tests.slow import slow

SMALL = ClassifierNetwork(architecture="small_cnn", width=4)
ENERGY = Network(width=4, activation="silu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Files of untrained networks."""
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(3)
    models = {
        "energy": build(ENERGY, 8, 1, "float32"),
        "classifier": build(SMALL, 8, 1, "float32"),
    }
    # Without what all logits have in common it says several classes.
    data = Data(name="digits", image_size=8, channels=1)
    images, _ = load_images(open_source(data), data, limit=200)
    bias = models["classifier"].layers[-1].bias
    bias.assign(bias - np.mean(models["classifier"](images, training=False), 0))
    for name, model in models.items():
        model.save_weights(folder / f"{name}.weights.h5")
    yield {name: str(folder / f"{name}.weights.h5") for name in models}
    opened.cache_clear()


def config_of(weights, **changed) -> DefenseMeasurement:
    given = {
        "defense": Purification(num_steps=3, num_replicates=6),
        "attack": PurifiedPgd(num_steps=2, step_size=20.0, num_replicates=4),
        "energy": dataclasses.replace(ENERGY, weights=weights["energy"]),
        "classifier": dataclasses.replace(SMALL, weights=weights["classifier"]),
        "num_images": 10,
        "batch": 4,
        "chunk": 10,
    }
    return DefenseMeasurement(
        name="small",
        data=Data(name="digits", image_size=8, channels=1, split="train[1437:]"),
        langevin=Langevin(noise=0.1),
        temperature=0.05,
        ball=Ball(epsilon=60.0),
        num_final_replicates=8,
        **given | changed,
    )


opened = functools.cache(attack.open_system)
natural_images = attack.natural_images
attacks = {}


def cached_attack(config, replicas, *networks):
    key = (config, replicas)
    if key not in attacks:
        attacks[key] = purified_system(config, replicas, *networks)
    return attacks[key]


@pytest.fixture
def own_labels(monkeypatch):
    """Labels that the untrained classifier itself gives, so that some are right.

    And what has been compiled for a config is used again.
    """

    def labelled(config, system, limit=None):
        images, _ = natural_images(config, system, limit)
        return images, np.argmax(system.model.classifier(images), 1)

    monkeypatch.setattr(attack, "open_system", opened)
    monkeypatch.setattr(attack, "purified_system", cached_attack)
    monkeypatch.setattr(attack, "natural_images", labelled)


def run(config, folder) -> tuple[dict, dict[str, np.ndarray]]:
    results = attack.run(config, Workspace(str(folder)))
    with np.load(pathlib.Path(folder) / "data_log" / "results.npz") as stored:
        return results, dict(stored)


def assert_same_record(first, second) -> None:
    assert list(first) == list(second)
    for name, value in first.items():
        # A convolution may round otherwise in a batch of another size.
        np.testing.assert_allclose(value, second[name], rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("own_labels")
def test_a_run(weights, tmp_path):
    config = config_of(weights)
    results, record = run(config, tmp_path)
    assert record["class_path"].shape == (4, 10)
    assert record["ims_orig"].shape == record["ims_adv"].shape == (10, 8, 8, 1)
    assert record["labs"].shape == (10,)
    path = record["class_path"]
    assert results["natural_accuracy"] == path[0].mean() > 0
    assert results["robust_accuracy"] == path[-1].mean() <= path[0].mean()
    assert results["by_step"] == pytest.approx(path.mean(1))
    fresh = record["final_predictions"] == record["labs"]
    assert results["robust_accuracy_fresh"] == fresh.mean()
    worst = (path[-1] > 0) & fresh
    assert results["robust_accuracy_worst"] == worst.mean()
    for name in ("natural_accuracy", "robust_accuracy", "robust_accuracy_fresh"):
        low, high = results[f"{name}_interval"]
        assert 0 <= low <= results[name] <= high <= 1
    assert results["num_images"] == 10
    assert results["weights"] == weights
    assert results["attack"]["gradient"] == "bpda" and results["flags"]
    assert results["units"]["lengths"] == "255ths of the pixel range"
    json.dumps(results)
    for name in ("plots/defended.png", "images/attacked.png"):
        assert (tmp_path / name).stat().st_size > 1000
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_lost_records_are_made_anew(weights, tmp_path):
    _, expected = run(config_of(weights), tmp_path)
    files = sorted((tmp_path / "records").iterdir())
    files[0].unlink()
    files[2].write_bytes(files[2].read_bytes()[:100])
    _, record = run(config_of(weights), tmp_path)
    assert_same_record(record, expected)
    log = (tmp_path / "log.txt").read_text()
    assert log.count("Recomputing it.") == 1


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
@pytest.mark.parametrize(
    "changed", [{"chunk": 6}, {"chunk": 64, "batch": 3}], ids=["few", "many"]
)
def test_chunks_and_batches_change_nothing(weights, tmp_path, changed):
    config = config_of(weights)
    _, expected = run(config, tmp_path / "first")
    _, record = run(dataclasses.replace(config, **changed), tmp_path / "second")
    assert_same_record(record, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_one_replica_makes_the_verdicts_of_two(
    weights, tmp_path, monkeypatch, one_replica
):
    config = config_of(weights)
    assert make_replicas("auto").count == 2
    _, expected = run(config, tmp_path / "two")
    monkeypatch.setattr(
        attack, "make_replicas", lambda *_: Replicas(one_replica, False)
    )
    monkeypatch.setattr(attack, "open_system", opened.__wrapped__)
    _, record = run(config, tmp_path / "one")
    assert_same_record(record, expected)


class KilledError(Exception):
    """As if the process had been killed."""


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
@pytest.mark.parametrize("how", ["signal", "kill"])
def test_a_stopped_run_loses_no_more_than_a_batch(weights, tmp_path, monkeypatch, how):
    config = config_of(weights)
    whole, expected = run(config, tmp_path / "whole")

    def stop(moment):
        if moment.step == 2 and how == "signal":
            signal.raise_signal(signal.SIGTERM)
        elif moment.step == 2:
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(attack.actions, "show_progress", lambda *_: stop)
        with pytest.raises(EarlyStopError if how == "signal" else KilledError) as error:
            run(config, tmp_path / "cut")
    if how == "signal":
        told = "Stopped by SIGTERM and saved after 2 of 3 batches."
        assert str(error.value) == told
    begun = []
    run_batch = PurifiedAttack.run

    def counted(self, images, labels, positions):
        begun.append(opened(config).positions.tolist().index(positions[0]))
        return run_batch(self, images, labels, positions)

    monkeypatch.setattr(PurifiedAttack, "run", counted)
    results, record = run(config, tmp_path / "cut")
    assert begun == [8]
    assert results == whole
    for name, value in record.items():
        np.testing.assert_array_equal(value, expected[name])
    for name in ("metrics.jsonl", "images/attacked.png", "plots/defended.png"):
        assert (tmp_path / "cut" / name).read_bytes() == (
            tmp_path / "whole" / name
        ).read_bytes()


@pytest.mark.usefixtures("own_labels")
@pytest.mark.parametrize(
    "changed",
    [
        slow({"gradient": "chain", "chain_steps": 2}),
        slow({"gradient": "transfer"}),
        slow({"average": "probabilities"}),
    ],
    ids=lambda changed: next(iter(changed.values())),
)
def test_other_attacks(weights, tmp_path, changed):
    config = config_of(weights, num_images=4)
    settings = dataclasses.replace(config.attack, **changed)
    results, record = run(dataclasses.replace(config, attack=settings), tmp_path)
    assert record["class_path"].shape == (4, 4)
    moved = record["ims_adv"] != record["ims_orig"]
    assert moved.any((1, 2, 3))[record["class_path"][0] > 0].all()
    assert results["attack"] == core.to_mapping(settings)


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_the_exact_gradient_and_what_it_is_worth_on_fresh_noise(weights, tmp_path):
    settings = PurifiedPgd(
        gradient="chain",
        num_steps=2,
        step_size=20.0,
        num_replicates=4,
        stops_at_error=False,
    )
    config = config_of(
        weights, attack=settings, final_copies=(1, 3), num_resubmissions=4
    )
    results, record = run(config, tmp_path / "whole")
    last = record["defended_last"]
    assert results["robust_accuracy_last"] == last.mean()
    assert results["robust_accuracy"] <= results["robust_accuracy_last"]
    assert not results["flags"]["chain_cut"] and not results["flags"]["no_curvature"]
    assert results["chain_turns_gradients_by"] > 1e-4
    for which in ("natural", "attacked", "last"):
        rows = results["judged"][which]
        assert [row["copies"] for row in rows] == [1, 3, 6, 8]
        assert [row["submissions"] for row in rows] == [4, 2, 1, 1]
        right = record[f"{which}_vote_of_3"] == record["labs"][:, None]
        assert rows[1]["accuracy"] == pytest.approx(right.mean())
        assert rows[1]["worst"] == pytest.approx(right.all(1).mean())
    fresh = results["judged"]["attacked"][-1]["accuracy"]
    assert results["robust_accuracy_fresh"] == fresh
    # Made in segments it is the same.
    again = dataclasses.replace(settings, segment=1)
    _, record_again = run(dataclasses.replace(config, attack=again), tmp_path / "parts")
    assert_same_record(record_again, record)


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_a_flat_energy_is_warned_of_and_can_be_bent(weights, tmp_path):
    energy = dataclasses.replace(ENERGY, activation="relu", weights=weights["energy"])
    found = {}
    for name, changed in {
        "bpda": {},
        "chain": {"gradient": "chain"},
        "bent": {"gradient": "chain", "sharpness": 20.0},
    }.items():
        settings = PurifiedPgd(num_steps=2, step_size=20.0, num_replicates=4, **changed)
        config = config_of(weights, energy=energy, attack=settings, num_images=6)
        found[name] = run(config, tmp_path / name)
    flags = {name: results["flags"] for name, (results, _) in found.items()}
    assert [flags[name]["no_curvature"] for name in found] == [False, True, False]
    assert [flags[name]["chain_not_seen"] for name in found] == [True, False, False]
    assert any("sharpness" in told for told in found["chain"][0]["warnings"])
    # The exact gradient of a piecewise linear energy is BPDA.
    assert_same_record(found["chain"][1], found["bpda"][1])
    first, bent = (found[name][1] for name in ("bpda", "bent"))
    np.testing.assert_allclose(bent["losses"][0], first["losses"][0], rtol=1e-4)
    assert not np.array_equal(bent["ims_adv"], first["ims_adv"])
    turned = [found[name][0]["chain_turns_gradients_by"] for name in ("chain", "bent")]
    assert turned[0] < 1e-6 < turned[1]
    smooth = config_of(weights, attack=settings)
    with pytest.raises(ConfigError, match="no layer of the energy is a rectifier"):
        attack.run(smooth, Workspace(str(tmp_path / "smooth")))


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_energy_descent_is_attacked_by_all_gradients(weights, tmp_path):
    config = config_of(
        weights,
        energy=dataclasses.replace(SMALL, weights=weights["classifier"]),
        defense=EnergyDescent(num_steps=2, step_size=60.0, radius=100.0),
        attack=PurifiedPgd(
            gradient="bpda",
            also=("chain", "transfer"),
            num_steps=4,
            step_size=20.0,
            num_replicates=1,
        ),
    )
    results, record = run(config, tmp_path)
    path = record["class_path"]
    assert path.shape == (1 + 3 * 5, 10)
    assert results["robust_accuracy"] == path[-1].mean() < results["natural_accuracy"]
    # Nothing is random: what broke once is broken, however often it is asked.
    assert results["robust_accuracy_fresh"] == results["robust_accuracy"]
    assert [row["copies"] for row in results["judged"]["attacked"]] == [1]
    assert "langevin" not in results
    text = "\n".join(attack.describe(config))
    assert "2 steps of 60/255 down the energy" in text
    assert "attack: bpda, chain, transfer" in text


@pytest.mark.usefixtures("own_labels")
def test_without_a_defence_no_energy_is_needed(weights, tmp_path):
    config = config_of(
        weights,
        energy=Network(),
        defense=Purification(num_steps=0, num_replicates=64),
        attack=PurifiedPgd(num_steps=8, step_size=15.0, num_replicates=64),
    )
    results, record = run(config, tmp_path)
    assert results["natural_accuracy"] == 1.0
    assert results["robust_accuracy"] == results["robust_accuracy_fresh"] < 1.0
    assert list(results["weights"]) == ["classifier"]
    text = "\n".join(attack.describe(config))
    assert "energy" not in text and "0 Langevin steps" in text
    # As many looks as images: replicates of what has no noise are one.
    assert record["class_path"].shape == (10, 10)


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_auto_attack_on_what_is_random(weights, tmp_path):
    settings = PurifiedAutoAttack(num_steps=2, num_replicates=3)
    config = config_of(weights, num_images=6, attack=settings)
    results, record = run(config, tmp_path)
    assert record["class_path"].shape == (3, 6) and record["losses"].shape == (2, 6)
    accuracies = [results["natural_accuracy"], results["robust_accuracy"]]
    assert results["by_step"][::2] == pytest.approx(accuracies)
    assert accuracies[0] >= results["by_step"][1] >= accuracies[1]
    assert results["attack"] == core.to_mapping(settings)
    right = record["class_path"][0] > 0
    distance = np.abs(record["ims_adv"] - record["ims_orig"]).max((1, 2, 3))
    assert (distance[right] > 0).all() and distance.max() <= 120 / 255 + 1e-6
    text = "\n".join(attack.describe(config))
    assert "attack: AutoAttack rand, bpda, 2 steps, 3 replicates" in text


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_images_are_drawn_by_the_seed(weights, tmp_path):
    config = config_of(weights)
    _, record = run(config, tmp_path)
    images, _ = load_images(open_source(config.data), config.data)
    positions = record["positions"]
    np.testing.assert_array_equal(positions, opened(config).positions)
    assert len(set(positions)) == 10 and positions.max() > 20
    np.testing.assert_array_equal(record["ims_orig"], images[positions])
    first = opened(dataclasses.replace(config, subset="first"))
    np.testing.assert_array_equal(first.positions, np.arange(10))


@pytest.mark.slow
@pytest.mark.usefixtures("own_labels")
def test_any_energy_purifies(weights, tmp_path):
    """A density with a prior and a Gaussian; the marginal energy of a classifier."""
    config = config_of(weights, num_images=4)
    prior = dataclasses.replace(ENERGY, weights=weights["energy"])
    density = dataclasses.replace(
        config, prior=prior, prior_temperature=0.1, gaussian_stddev=0.5
    )
    joint = dataclasses.replace(
        config, energy=dataclasses.replace(SMALL, weights=weights["classifier"])
    )
    records = [
        run(some, tmp_path / str(index))[1]
        for index, some in enumerate((config, density, joint))
    ]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        first, second = records[one]["losses"][0], records[other]["losses"][0]
        assert not np.array_equal(first, second, equal_nan=True)
    system = opened(joint)
    image = records[0]["ims_orig"]
    assert system.model.ebm is not None
    np.testing.assert_allclose(
        system.model.ebm.energy(image)[:, 0],
        -np.log(np.exp(system.model.classifier(image)).sum(1)),
        rtol=1e-5,
    )


def test_bad_input(weights, tmp_path):
    config = config_of(weights)
    workspace = Workspace(str(tmp_path))
    for changed, error, told in [
        ({"classifier": SMALL}, WeightsError, "--set classifier.weights=FILE"),
        ({"energy": ENERGY}, WeightsError, "--set weights=RUN"),
        ({"energy": ENERGY, "weights": "none"}, WeightsError, "No weights at none"),
        ({"chunk": 33}, ConfigError, "divisible by 2 replicas"),
    ]:
        with pytest.raises(error, match=told):
            attack.run(dataclasses.replace(config, **changed), workspace)
    five = dataclasses.replace(SMALL, num_classes=5)
    with pytest.raises(WeightsError, match="do not fit the classifier"):
        named = dataclasses.replace(five, weights=weights["classifier"])
        attack.run(dataclasses.replace(config, classifier=named), workspace)
    path = str(tmp_path / "five.weights.h5")
    build(five, 8, 1, "float32").save_weights(path)
    with pytest.raises(
        DataError, match="labels 0 to 9, but the classifier's num_classes=5"
    ):
        named = dataclasses.replace(five, weights=path)
        attack.run(dataclasses.replace(config, classifier=named), workspace)
    with pytest.raises(DataError, match="num_classes=5"):  # a dry run tells it too
        list(attack.describe(dataclasses.replace(config, classifier=named)))
    with pytest.raises(ConfigError, match="chain_steps=4 to be at most"):
        dataclasses.replace(config, attack=PurifiedPgd(gradient="chain", chain_steps=4))


def test_description(weights):
    text = "\n".join(attack.describe(config_of(weights)))
    for part in (
        "energy: sngan_energy_8",
        "3 Langevin steps, 6 replicates, fresh noise; 10 chains at once",
        "attack: bpda, 2 steps, 4 replicates, linf epsilon 60/255",
        "data: 10 images of digits",
        weights["classifier"],
    ):
        assert part in text


def test_memory_is_told_before_weights_are_asked_for(weights):
    seen = PurifiedPgd(gradient="chain", num_steps=2, num_replicates=4)
    config = config_of(weights, classifier=SMALL, attack=seen)
    told = []
    with pytest.raises(WeightsError, match="classifier.weights=FILE"):
        told.extend(attack.describe(config))
    assert any("10 chains at once: 7.68 kB for 3 states" in line for line in told)
