"""Sets of images compared by the features of a classifier of one's own."""

import json
import pathlib

import keras
import numpy as np
import pytest
from keras import layers

import ebm_tf
from tests.runs import run_here

IMAGES = np.random.default_rng(0).integers(0, 256, [60, 6, 6, 1], np.uint8)
OTHERS = IMAGES[::-1] // 2
FUNCTION = """
import keras

def classifier(size, channels, classes):
    model = keras.models.load_model({path!r})
    assert model.input_shape[1:] == (size, size, channels) and classes == 3
    return model
"""


@pytest.fixture(scope="module")
def model() -> keras.Model:
    """A classifier of images in [0, 1]."""
    keras.utils.set_random_seed(0)
    parts = [layers.Flatten(), layers.Dense(5, activation="relu"), layers.Dense(3)]
    return keras.Sequential([keras.Input((6, 6, 1)), *parts])


@pytest.fixture(scope="module")
def files(model, tmp_path_factory) -> dict[str, pathlib.Path]:
    """It, and the same as the layer of a model that ends in a softmax."""
    folder = tmp_path_factory.mktemp("own")
    paths = {name: folder / f"{name}.keras" for name in ("plain", "nested")}
    model.save(paths["plain"])
    inputs = keras.Input((6, 6, 1))
    keras.Model(inputs, layers.Softmax()(model(inputs))).save(paths["nested"])
    return paths


def distance(model: keras.Model) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of what its last layer takes."""
    vectors = keras.Model(model.inputs[0], model.layers[-1].input)
    (m1, c1), (m2, c2) = (
        (found.mean(0), np.cov(found.T))
        for found in (
            np.asarray(vectors(images / 255.0), np.float64)
            for images in (IMAGES, OTHERS)
        )
    )
    values = np.linalg.eigvals(c1 @ c2).real.clip(0)
    return np.sum((m1 - m2) ** 2) + np.trace(c1 + c2) - 2 * np.sum(np.sqrt(values))


@pytest.mark.parametrize("name", ["plain", "nested"])
def test_the_distance_is_that_of_its_last_layer(files, model, name):
    found = ebm_tf.evaluate(
        IMAGES,
        OTHERS,
        features="classifier",
        weights=str(files[name]),
        pixel_range="0..1",  # which the network takes, too
    )
    assert found["frechet_classifier"] == pytest.approx(distance(model), rel=1e-4)
    assert found["feature_weights"].startswith(f"{files[name]} sha256 ")


def test_a_function_is_called_for_the_images(files, model, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(FUNCTION.format(path=str(files["plain"])))
    network = ebm_tf.OwnNetwork(pixel_range="0..1", num_classes=3)
    found = ebm_tf.evaluate(
        IMAGES,
        OTHERS,
        features="classifier",
        weights=f"{path}:classifier",
        network=network,
    )
    assert found["frechet_classifier"] == pytest.approx(distance(model), rel=1e-4)


def test_measure_takes_it_and_keeps_it(files, model, tmp_path):
    for name, images in (("one", IMAGES), ("two", OTHERS)):
        np.save(tmp_path / f"{name}.npy", images)
    sets = (tmp_path / "one.npy", tmp_path / "two.npy")
    words = [f"weights={files['plain']}", "features=classifier"]
    words.append("network.pixel_range=0..1")
    flags = [word for setting in words for word in ("--set", setting)]
    done = run_here(*sets, *flags, "--output", tmp_path / "runs", executable="measure")
    assert (done.code, done.err) == (0, ""), done
    results = json.loads((done.folder / "results.json").read_text())
    assert results["frechet_classifier"] == pytest.approx(distance(model), rel=1e-4)
    assert (done.folder / "own" / "plain.keras").is_file()


@pytest.mark.parametrize(
    ("weights", "network", "message"),
    [
        (None, {}, "needs weights: a run folder, release:NAME, FILE.keras or FILE.py"),
        ("none.keras", {}, "No file none.keras"),
        ("plain", {"image_size": 7}, "Expected image_size=7 to be 6 for"),
        ("plain", {"num_classes": 4}, "Expected num_classes=4 to be 3 for"),
        ("m.py:function", {}, "FILE.py:function with network.num_classes"),
        ("release:digits_clean", {"channels": 1}, "which is no network of one's own"),
    ],
)
def test_mistakes_are_told(files, weights, network, message):
    with pytest.raises(ebm_tf.UserError, match=message):
        ebm_tf.evaluate(
            IMAGES,
            OTHERS,
            features="classifier",
            weights=str(files.get(weights, weights)) if weights else None,
            network=ebm_tf.OwnNetwork(**network) if network else None,
        )
