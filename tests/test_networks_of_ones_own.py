"""Whole runs with networks of one's own: learned, resumed, measured, packed."""

import json
import pathlib
import shutil
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_digits

import ebm_tf
from ebm_tf.config.parts import Network
from ebm_tf.errors import WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.store.releases.installing import install
from ebm_tf.store.releases.packing import pack
from tests.runs import (
    assert_same_arrays,
    assignments,
    run_here,
    saved_arrays,
    saved_steps,
    weights,
)

NETWORKS = """
import keras
from keras import layers
from ebm_tf.models import classifiers, sngan

def energy(image_size, channels, width, activation):
    return sngan.energy(image_size, channels, width=width, activation=activation)

def classifier(size, channels, classes):
    return classifiers.small_cnn(size, channels, num_classes=classes, width=4)

def dropping(size, channels, classes):
    return keras.Sequential([
        keras.Input((size, size, channels)),
        layers.Conv2D(6, 3, strides=2),
        layers.BatchNormalization(),
        layers.Dropout(0.5),
        layers.Flatten(),
        layers.Dense(classes, activation="softmax"),
    ])

def generator(size, channels, latent_size):
    return keras.Sequential([
        keras.Input((latent_size,)),
        layers.Dense(size * size * channels),
        layers.BatchNormalization(),
        layers.Reshape((size, size, channels)),
        layers.Activation("sigmoid"),
    ])

def broken(size, channels, classes):
    raise KeyError("no such layer")

def nothing(size, channels, classes):
    pass
"""
CONFIG = "configs/digits_nonconv.py"
SHORT = {"num_updates": 2, "save_every": 1, "log_every": 1}
CLASSIFYING = {
    "num_updates": 4,
    "save_every": 2,
    "log_every": 1,
    "batch": 20,
    "evaluation_batch": 20,
    "data.split": "train[:60]",
    "validate_every": 2,
    "select_from": 0,
    "num_validation": 20,
    "num_test": 20,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("networks")
    (folder / "mine.py").write_text(NETWORKS)
    return folder


def flags(settings: dict) -> list[str]:
    return [text for name, v in settings.items() for text in ("--set", f"{name}={v}")]


def done(*words: object, executable: str = "train") -> pathlib.Path:
    """The folder of a run that went well."""
    found = run_here(*words, executable=executable)
    assert (found.code, found.err) == (0, ""), found
    return found.folder


def results(folder: pathlib.Path) -> dict:
    return json.loads((folder / "results.json").read_text())


@pytest.fixture(scope="module")
def learned(place) -> pathlib.Path:
    """A short run of an energy."""
    settings = {"energy__architecture": f"{place}/mine.py:energy", **SHORT}
    return done(CONFIG, "--output", place / "runs", *assignments(**settings))


@pytest.mark.slow
def test_it_learns_the_bits_of_the_network_that_it_builds(learned, tmp_path):
    """An energy by way of a function is the energy itself: the strongest test."""
    house = done(CONFIG, "--output", tmp_path, *assignments(**SHORT))
    assert_same_arrays(saved_arrays(learned), saved_arrays(house))
    for name in ("metrics.jsonl", "images/samples.png"):
        assert (learned / name).read_bytes() == (house / name).read_bytes()
    found, expected = results(learned), results(house)
    assert found["frechet_pixels"] == expected["frechet_pixels"]
    path = "weights/energy_average_00000002.weights.h5"
    assert_same_arrays(weights(learned / path), weights(house / path))


@pytest.mark.slow
def test_the_run_keeps_it_and_goes_on(learned, place, tmp_path):
    own = tmp_path / "run"
    shutil.copytree(learned, own)
    kept = json.loads((own / "environment.json").read_text())["own_files"]
    assert list(kept) == ["own/mine.py"]
    # The same file, wherever it lies, is no change; another is.
    mine = place / "mine.py"
    same = "--set", f"energy.architecture={mine}:energy"
    assert done("--resume", own, "--set", "num_updates=3", *same) == own
    assert saved_steps(own)[-1] == 3
    other = tmp_path / "mine.py"
    other.write_text(mine.read_text() + "\n")
    changed = "--set", f"energy.architecture={other}:energy"
    found = run_here("--resume", own, "--set", "num_updates=4", *changed)
    assert found.code == 2 and "mine.py has changed since" in found.err


@pytest.fixture(scope="module")
def alone(learned, place) -> pathlib.Path:
    """The run, elsewhere, without the user's file."""
    moved = place / "elsewhere" / "run"
    shutil.copytree(learned, moved)
    return moved


MEASURING = {"data.split": "train[:40]", "num_samples": 20, "batch": 20, "num_steps": 2}


@pytest.mark.slow
def test_it_is_measured_by_its_run_alone(alone, tmp_path):
    words = flags({"weights": alone, **MEASURING})
    config = "configs_fid/digits_shortrun.py"
    folder = done(config, "--output", tmp_path, *words, executable="fid")
    assert np.isfinite(results(folder)["frechet_pixels"])
    model = ebm_tf.load(str(alone), batch=20)
    assert model.generate(4, num_steps=2).shape == (4, 8, 8, 1)
    assert model.networks.networks["energy"].name == "mine_energy"


@pytest.mark.slow
def test_weights_start_a_network_of_the_same_file_only(alone, tmp_path):
    words = assignments(energy__weights=alone, **SHORT)
    found = run_here(CONFIG, "--output", tmp_path, *words)
    there = f"{alone}/own/mine.py:energy"
    assert found.code == 2 and f"--set energy.architecture={there}." in found.err
    words = assignments(energy__weights=alone, energy__architecture=there, **SHORT)
    log = (done(CONFIG, "--output", tmp_path, *words) / "log.txt").read_text()
    assert f"Weights of the energy: {alone}/weights/energy_average" in log


@pytest.mark.slow
def test_it_is_packed_and_installed_where_code_is_allowed(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("EBM_TF_RELEASES", str(tmp_path / "installed"))
    entry = pack(str(alone), str(tmp_path))
    archive = str(tmp_path / entry.file)
    with pytest.raises(WeightsError, match="own/mine.py"):
        install(archive)
    install(archive, allow_code=True)
    model = ebm_tf.load(f"release:{entry.name}", batch=20)
    images = np.zeros([2, 8, 8, 1])
    expected = ebm_tf.load(str(alone), batch=20).energy(images)
    np.testing.assert_array_equal(model.energy(images), expected)
    assert str(tmp_path) not in (alone / "config.json").read_text()


@pytest.mark.slow
def test_a_classifier_is_learned_attacked_and_known_by_its_run(place, tmp_path):
    """With batch normalisation and dropout of Keras, on two replicas; it resumes."""
    whole = CLASSIFYING | {"classifier.architecture": f"{place}/mine.py:dropping"}
    config = "configs/digits_clean.py"
    one = done(config, "--output", tmp_path, *flags(whole), executable="train_clf")
    first = flags(whole | {"num_updates": 2})
    two = done(config, "--output", tmp_path, *first, executable="train_clf")
    done("--resume", two, "--set", "num_updates=4", executable="train_clf")
    assert_same_arrays(saved_arrays(one), saved_arrays(two))
    attack = flags(
        {"weights": one, "num_images": 20, "batch": 20, "auto_attack": None}
        | {"carlini_wagner": None, "curve": (), "median": False, "pgd.num_steps": 2}
    )
    config = "configs_attack/digits_classifier.py"
    folder = done(config, "--output", tmp_path, *attack, executable="attack")
    found = results(folder)
    assert 0 <= found["robust_accuracy"] <= found["natural_accuracy"] <= 1


@pytest.fixture(scope="module")
def keras_file(place) -> pathlib.Path:
    """A classifier of pixels in [0, 1] with a softmax at its end, as many are saved."""
    path = place / "theirs.keras"
    keras.utils.set_random_seed(3)
    keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    ).save(path)
    return path


@pytest.mark.slow
def test_a_keras_file_is_attacked_analysed_and_generates(keras_file, tmp_path):
    there = {"weights": keras_file, "classifier.pixel_range": "0..1"}
    attack = flags(
        there
        | {"num_images": 20, "batch": 20, "auto_attack": None, "median": False}
        | {"carlini_wagner": None, "curve": (), "pgd.num_steps": 2}
    )
    config = "configs_attack/digits_classifier.py"
    folder = done(config, "--output", tmp_path, *attack, executable="attack")
    model: Any = keras.saving.load_model(keras_file)
    digits: Any = load_digits()
    images, labels = digits.images[1437:1457, ..., None] / 16, digits.target[1437:1457]
    right = model.predict(images, verbose=0).argmax(1) == labels
    subset = results(folder)
    assert subset["weights"] == str(keras_file)
    assert (folder / "own" / "theirs.keras").read_bytes() == keras_file.read_bytes()
    in_script = ebm_tf.load(str(keras_file), pixel_range="0..1", batch=20)
    said = in_script.classify(images)
    np.testing.assert_allclose(said, model.predict(images, verbose=0), atol=1e-6)
    assert (said.argmax(1) == labels).mean() == right.mean()


@pytest.mark.slow
def test_a_keras_file_is_learned_further_from_its_weights(keras_file, tmp_path):
    words = flags(
        CLASSIFYING
        | {"classifier.weights": keras_file, "classifier.pixel_range": "0..1"}
        | {"num_updates": 2, "optimizer.learning_rate": 0.0, "validate_every": 1}
    )
    config = "configs/digits_clean.py"
    folder = done(config, "--output", tmp_path, *words, executable="train_clf")
    assert (
        f"Weights of the classifier: {keras_file}" in (folder / "log.txt").read_text()
    )
    images = np.random.default_rng(0).uniform(0, 1, [4, 8, 8, 1])
    model: Any = keras.saving.load_model(keras_file)
    before = model.predict(images, verbose=0)
    after = ebm_tf.load(str(folder), pixel_range="0..1", batch=4).classify(images)
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.slow
def test_folders_go_through_a_keras_file(keras_file, tmp_path):
    images = np.random.default_rng(0).uniform(0, 1, [4, 8, 8, 1])
    np.save(tmp_path / "images.npy", (images * 255).astype(np.uint8))
    words = flags(
        {"weights": keras_file, "images": tmp_path / "images.npy", "batch": 4}
        | {"network.pixel_range": "0..1"}
    )
    config = "configs/digits_classify.py"
    folder = done(config, "--output", tmp_path, *words, executable="classify")
    rows = (folder / "classes.csv").read_text().splitlines()
    assert len(rows) == 5 and rows[0].startswith("file,energy,class,p_0")
    model: Any = keras.saving.load_model(keras_file)
    given = (images * 255).astype(np.uint8) / 255
    expected = model.predict(given, verbose=0).argmax(1)
    assert [int(row.split(",")[2]) for row in rows[1:]] == list(expected)


@pytest.mark.slow
def test_a_generator_is_learned_and_starts_chains(place, tmp_path):
    words = flags(
        {"generator.architecture": f"{place}/mine.py:generator"}
        | {"generator.pixel_range": "0..1", "generator.latent_size": 6}
        | {"num_updates": 2, "log_every": 1, "save_every": 1, "batch": 20}
        | {"num_samples": 20, "discriminator.width": 4, "data.split": "train[:100]"}
    )
    config = "configs/digits_sngan.py"
    folder = done(config, "--output", tmp_path, *words, executable="train_gen")
    drawn = ebm_tf.load(str(folder), pixel_range="0..1", batch=20).generate(5)
    assert drawn.shape == (5, 8, 8, 1) and 0 <= drawn.min() <= drawn.max() <= 1
    chains = assignments(
        chains__start="generator",
        generator="{'type': 'GeneratorNetwork', 'latent_size': 6}",
        generator__architecture=f"{place}/mine.py:generator",
        generator__pixel_range="0..1",
        generator__weights=folder,
        **SHORT,
    )
    done(CONFIG, "--output", tmp_path, *chains)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits_dsm", "digits_jem"])
def test_other_systems_learn_them(place, tmp_path, name):
    executable = "train_dsm" if name == "digits_dsm" else "train_jem"
    shared = {"num_updates": 2, "save_every": 1, "log_every": 1, "batch": 20}
    samples = {"samples.num_samples": 20, "samples.num_steps": 2}
    if executable == "train_dsm":
        own = {"energy.architecture": f"{place}/mine.py:energy", "energy.width": 4}
        own |= {"data.split": "train[:100]"}
    else:
        own = {"classifier.architecture": f"{place}/mine.py:dropping"}
        own |= {"classifier.norm": "batch", "chains.num_steps": 2}
        own |= {"select_from": 0, "chains.bank_size": 40, "validate_every": 1}
    words = flags(shared | samples | own)
    folder = done(
        f"configs/{name}.py", "--output", tmp_path, *words, executable=executable
    )
    assert np.isfinite(results(folder)["frechet_pixels"])


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("mine.py:missing", "to define a function 'missing'"),
        ("nowhere.py:energy", "No file"),
        ("nowhere.keras", "No file"),
        ("mine.py:broken", "raised KeyError: 'no such layer'"),
        ("mine.py:nothing", "to return a Keras model, got NoneType"),
        ("mine.py:classifier", "to give energies [B] or [B, 1], got [B, 3]"),
    ],
)
def test_what_is_no_network_is_told_in_a_line(place, tmp_path, architecture, message):
    text = (
        (place / "mine.py").read_text().replace("num_classes=classes", "num_classes=3")
    )
    (tmp_path / "mine.py").write_text(text)
    words = assignments(energy__architecture=f"{tmp_path}/{architecture}")
    found = run_here(CONFIG, "--output", tmp_path / "runs", *words)
    assert found.code == 2 and message in found.err
    assert found.err.count("\n") == 1 and not list((tmp_path / "runs").glob("*/*"))


def test_a_dry_run_shows_the_network(place):
    words = assignments(energy__architecture=f"{place}/mine.py:energy")
    found = run_here(CONFIG, "--dry_run", *words)
    count = build(Network(width=4), 8, 1, "float32").count_params()
    assert found.code == 0
    assert f"energy: mine_energy, {count:,} parameters" in found.out
