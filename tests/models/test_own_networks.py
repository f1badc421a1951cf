"""Networks of one's own take and give what those of this program do, or say why not."""

import dataclasses
import pathlib
import zipfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.networks import AnyNetwork, Standardised
from ebm_tf.config.parts import DiscriminatorNetwork, GeneratorNetwork, Network
from ebm_tf.errors import ConfigError
from ebm_tf.models.adapted import adapted
from ebm_tf.models.catalogue import build, latent_prior
from ebm_tf.models.dropout import dropout_key
from ebm_tf.models.ebm import build_energy
from tests.runs import ROOT

IMAGES = np.random.default_rng(0).uniform(-1, 1, [5, 8, 8, 3]).astype(np.float32)
UNIT = IMAGES / 2 + 0.5
HOUSE = """
from ebm_tf.models import classifiers, sngan
def energy(image_size, channels, width, activation="relu"):
    return sngan.energy(image_size, channels, width=width, activation=activation)
def classifier(size, channels, classes, depth=4, width=16):
    return classifiers.small_cnn(
        size, channels, num_classes=classes, depth=depth, width=width
    )
"""


def inputs(*shape: int | None) -> Any:
    return keras.Input(shape or (8, 8, 3))


def mean_energy(shape: tuple[int | None, ...] = (8, 8, 3)) -> keras.Model:
    """E(x), of the shape [B], is the mean of all numbers that it is given."""
    images = inputs(*shape)
    return keras.Model(images, keras.ops.mean(images, (1, 2, 3)))


def made(model: keras.Model, settings: AnyNetwork | None = None) -> keras.Model:
    return adapted(model, settings or Network(architecture="my.keras"), 8, 3)


def file_of(folder: pathlib.Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("pixel_range", "expected"),
    [
        ("-1..1", IMAGES),
        ("0..1", UNIT),
        ("0..255", UNIT * 255),
        (Standardised(mean=0.5, stddev=0.25), (UNIT - 0.5) / 0.25),
        (
            Standardised(mean=(0.1, 0.2, 0.3), stddev=(1.0, 2.0, 4.0)),
            (UNIT - [0.1, 0.2, 0.3]) / [1.0, 2.0, 4.0],
        ),
    ],
)
def test_a_network_sees_the_pixels_that_it_declares(pixel_range, expected):
    images = inputs()
    seen = keras.Model(images, keras.ops.sum(images * np.arange(1.0, 4.0), (1, 2, 3)))
    settings = Network(architecture="my.keras", pixel_range=pixel_range)
    found = made(seen, settings)(IMAGES)
    wanted = (expected * np.arange(1.0, 4.0)).sum((1, 2, 3))
    np.testing.assert_allclose(np.ravel(found), wanted, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("shape", [(8, 8, 3), (None, None, 3), (8, 8, None)])
def test_energies_are_one_number_an_image_in_float32(shape):
    model: Any = made(mean_energy(shape))
    assert model.input_shape == (None, 8, 8, 3) and model.output_shape == (None, 1)
    assert model.outputs[0].dtype == "float32" and model.name == "my"
    np.testing.assert_allclose(
        model(IMAGES)[:, 0], IMAGES.mean((1, 2, 3)), rtol=1e-4, atol=1e-6
    )


class Subclassed(keras.Model):
    """Knows no shapes before it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        return self.dense(keras.ops.mean(images, (1, 2)))


@pytest.mark.parametrize(
    "make",
    [
        Subclassed,
        lambda: keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(1)]),
    ],
)
def test_models_that_know_no_shapes_yet_are_traced(make):
    found = made(make())
    assert found.output_shape == (None, 1) and len(found.trainable_variables) == 2


@pytest.mark.parametrize(
    "end",
    [
        lambda: [layers.Dense(3, activation="softmax")],
        lambda: [layers.Dense(3), layers.Softmax()],
        lambda: [layers.Dense(3), layers.Activation("softmax")],
    ],
)
def test_the_softmax_of_a_classifier_is_left_out(end):
    model = keras.Sequential([inputs(), layers.Flatten(), *end()])
    probabilities = model(IMAGES).numpy()
    settings = ClassifierNetwork(architecture="my.keras", num_classes=3)
    logits = made(model, settings)(IMAGES)
    np.testing.assert_allclose(keras.ops.softmax(logits), probabilities, rtol=1e-5)
    assert not np.allclose(np.sum(logits, 1), 1.0)


@pytest.mark.parametrize("classes", [None, 3])
def test_a_generator_gives_pixels_of_this_program(classes):
    size = 5 + (classes is not None)
    head = [layers.Dense(192, activation="sigmoid"), layers.Reshape((8, 8, 3))]
    model = keras.Sequential([keras.Input((size,)), *head])
    settings = GeneratorNetwork(
        architecture="my.keras", latent_size=5, num_classes=classes, pixel_range="0..1"
    )
    latents = latent_prior(settings)(7, tf.constant([1, 2]))
    assert latents.shape == (7, size)
    found = made(model, settings)(latents).numpy()
    np.testing.assert_allclose(found, model(latents) * 2.0 - 1.0, atol=1e-6)


def test_parameters_get_settings_by_name_and_the_rest_in_order(tmp_path):
    path = file_of(
        tmp_path,
        """
import keras
def network(side, colours, classes, dtype, depth=2, width=7, names="?"):
    given = side, colours, classes, dtype, depth, width, names
    assert given == (8, 3, 4, "float32", 9, 7, "?"), given
    x = keras.Input((side, side, colours))
    return keras.Model(x, keras.layers.Dense(classes)(keras.layers.Flatten()(x)))
def energy(size, channels, base=16, *, activation):
    assert base == 16
    x = keras.Input((size, size, channels))
    layer = keras.layers.Dense(1, activation=activation)
    return keras.Model(x, layer(keras.layers.Flatten()(x)))
""",
    )
    settings = ClassifierNetwork(architecture=f"{path}:network", num_classes=4, depth=9)
    assert build(settings, 8, 3, "float32").name == "mine_network"
    energy = Network(architecture=f"{path}:energy", activation="tanh")
    assert build(energy, 8, 3, "float32").output_shape == (None, 1)


@pytest.mark.parametrize(
    ("own", "house"),
    [
        (
            Network(architecture="mine.py:energy", width=4, activation="silu"),
            Network(width=4, activation="silu"),
        ),
        (
            ClassifierNetwork(architecture="mine.py:classifier", depth=3, width=4),
            ClassifierNetwork(architecture="small_cnn", depth=3, width=4),
        ),
    ],
)
def test_a_network_of_this_program_is_the_same_by_way_of_a_function(
    tmp_path, monkeypatch, own, house
):
    monkeypatch.chdir(tmp_path)
    file_of(tmp_path, HOUSE)
    models = []
    for settings in (own, house):
        keras.utils.set_random_seed(3)
        models.append(build_energy(settings, 8, 3, "float32"))
    for mine, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(*(model(IMAGES) for model in models))
    path = str(tmp_path / "model.weights.h5")
    models[0].save_weights(path)
    models[1].load_weights(path)


def test_a_keras_file_is_built_with_its_weights(tmp_path):
    model = keras.Sequential([inputs(), layers.Flatten(), layers.Dense(1)])
    path = str(tmp_path / "mine.keras")
    model.save(path)
    settings = Network(architecture=path)
    assert settings.is_own and settings.brings_weights
    found = [build(settings, 8, 3, "float32") for _ in range(2)]
    for one in found:
        np.testing.assert_array_equal(one(IMAGES), model(IMAGES))
    assert found[0].trainable_variables[0] is not found[1].trainable_variables[0]


def dropping(*drawing: layers.Layer) -> keras.Model:
    end = [layers.Flatten(), layers.Dense(3)]
    settings = ClassifierNetwork(architecture="my.keras", num_classes=3)
    return made(keras.Sequential([inputs(), *drawing, *end]), settings)


@pytest.mark.parametrize(
    "layer", [layers.Dropout, layers.GaussianNoise, layers.SpatialDropout2D]
)
def test_layers_that_draw_do_so_by_the_key_of_a_step(layer):
    model = dropping(layer(0.5))
    kept = [v.numpy() for v in model.non_trainable_variables]

    def passed(key: int) -> np.ndarray:
        with dropout_key(tf.constant([key, 0])):
            return model(IMAGES, training=True).numpy()

    np.testing.assert_array_equal(passed(1), passed(1))
    assert np.abs(passed(1) - passed(2)).max() > 0.01
    assert np.abs(passed(1) - model(IMAGES, training=False)).max() > 0.01
    for variable, before in zip(model.non_trainable_variables, kept, strict=True):
        np.testing.assert_array_equal(variable, before)


def test_two_layers_drop_differently():
    images = keras.Input((8, 8, 3))
    parts = [layers.Dropout(0.5)(images), layers.Dropout(0.5)(images)]
    difference: Any = keras.ops.mean(keras.ops.abs(parts[0] - parts[1]), (1, 2))
    settings = ClassifierNetwork(architecture="my.keras", num_classes=3)
    shift = keras.ops.mean(images, (1, 2))
    model = made(keras.Model(images, difference + shift), settings)
    with dropout_key(tf.constant([1, 0])):
        found = model(IMAGES, training=True)
    assert np.abs(found - IMAGES.mean((1, 2))).min() > 0.1


def test_batch_normalisation_is_synchronised():
    norm = layers.BatchNormalization()
    assert not norm.synchronized
    dropping(norm)
    assert norm.synchronized


class Mixing(layers.Layer):
    def call(self, images):
        return images - keras.ops.mean(images, 0, keepdims=True)


class Drawing(layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seed = keras.random.SeedGenerator(1)

    def call(self, images):
        return images + keras.random.normal(keras.ops.shape(images), seed=self.seed)


def through(*between: layers.Layer, size: int = 1) -> keras.Model:
    head = [layers.Flatten(), layers.Dense(size)]
    return keras.Sequential([inputs(), *between, *head])


ENERGY = Network(architecture="my.keras")
CLASSIFIER = ClassifierNetwork(architecture="my.keras", num_classes=3)
GENERATOR = GeneratorNetwork(architecture="my.keras", latent_size=4)


def generating(*between: layers.Layer) -> keras.Model:
    ends = [layers.Dense(192, bias_initializer="ones"), layers.Reshape((8, 8, 3))]
    return keras.Sequential([keras.Input((4,)), *between, *ends])


def two_outputs() -> keras.Model:
    images = inputs()
    return keras.Model(images, [images, images])


def two_inputs() -> keras.Model:
    images = inputs()
    return keras.Model([inputs(), images], images)


def of_mean(function: Callable[[Any], Any]) -> keras.Model:
    """A function of the mean of each colour."""
    images = inputs()
    return keras.Model(images, function(keras.ops.mean(images, (1, 2))))


def too_wide() -> keras.Model:
    """Its kernel is larger than the images."""
    end = [layers.Flatten(), layers.Dense(1)]
    return keras.Sequential([layers.Conv2D(4, 9), *end])


BY_BATCHES = dataclasses.replace(CLASSIFIER, norm="none")
OF_TWO = dataclasses.replace(
    ENERGY, pixel_range=Standardised(mean=(0.1, 0.2), stddev=1)
)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (lambda: through(size=2), ENERGY, r"energies \[B\] or \[B, 1\], got \[B, 2\]"),
        (through, CLASSIFIER, r"num_classes=3 logits \[B, 3\], got \[B, 1\]"),
        (
            lambda: mean_energy((9, 9, 3)),
            ENERGY,
            r"take images \[B, 8, 8, 3\], got \[B, 9, 9, 3\]",
        ),
        (generating, ENERGY, r"take images \[B, 8, 8, 3\], got \[B, 4\]"),
        (through, GENERATOR, r"take latents \[B, 4\], got \[B, 8, 8, 3\]"),
        (generating, GENERATOR, "pixels in pixel_range='-1..1', got .* to [1-9]"),
        (
            lambda: generating(layers.Dropout(0.5)),
            GENERATOR,
            "draw no random numbers.* but dropout",
        ),
        (lambda: through(Mixing()), ENERGY, "depend on that image alone"),
        (lambda: through(Drawing()), ENERGY, "in inference mode: .* training mode"),
        (too_wide, ENERGY, r"my.keras cannot take images \[B, 8, 8, 3\]: ValueError"),
        (two_outputs, ENERGY, "to give one output, got 2"),
        (two_inputs, ENERGY, "to take images alone, got 2 inputs"),
        (
            lambda: of_mean(lambda x: keras.ops.log(x[:, 0] - 9)),
            ENERGY,
            "to give numbers, got some that are none",
        ),
        (
            lambda: of_mean(lambda x: keras.ops.softmax(x, axis=-1)),
            CLASSIFIER,
            "to give logits, got what looks like probabilities",
        ),
        (
            lambda: through(layers.BatchNormalization(), size=3),
            BY_BATCHES,
            "Expected norm='batch' for my.keras",
        ),
        (mean_energy, OF_TWO, "one number or 3, one for each channel"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(make, settings, message):
    with pytest.raises(ConfigError, match=message) as error:
        made(make(), settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"to define a function 'network'\."),
        ("def network(size, channels): return 3", "return a Keras model, got int."),
        (
            "def network(size): raise KeyError('a\\nb')",
            r"mine.py:network\(size=8\) raised KeyError: 'a\\nb'",
        ),
        ("def network(a, b, c, d): pass", r"missing 1 required .* 'd'"),
        ("import nothing_at_all", "mine.py: ModuleNotFoundError"),
    ],
)
def test_functions_that_make_no_network_are_told(tmp_path, text, message):
    settings = Network(architecture=f"{file_of(tmp_path, text)}:network")
    with pytest.raises(ConfigError, match=message) as error:
        build(settings, 8, 3, "float32")
    assert "\n" not in str(error.value)


def test_a_file_with_code_is_not_opened(tmp_path):
    images = inputs()
    doubled = layers.Lambda(lambda x: keras.ops.mean(2 * x, (1, 2, 3)))(images)
    path = str(tmp_path / "mine.keras")
    keras.Model(images, doubled).save(path)
    with pytest.raises(ConfigError, match=r"mine.keras holds code \(a Lambda layer\)"):
        build(Network(architecture=path), 8, 3, "float32")


def test_a_file_with_a_class_of_its_own_is_not_opened(tmp_path):
    path = str(tmp_path / "mine.keras")
    through(Mixing()).save(path)
    with pytest.raises(ConfigError, match="needs the class Mixing, which is none of"):
        build(Network(architecture=path), 8, 3, "float32")


@pytest.mark.parametrize("damage", ["missing", "text", "empty", "config", "weights"])
def test_damaged_files_are_told(tmp_path, damage):
    path = tmp_path / "mine.keras"
    through().save(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    if damage == "missing":
        path.unlink()
    elif damage == "text":
        path.write_text("no zip")
    else:
        broken = {"config": "config.json", "weights": "model.weights.h5"}.get(damage)
        files = {} if broken is None else files | {broken: b"{}"}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    with pytest.raises(ConfigError, match=r"mine\.keras") as error:
        build(Network(architecture=str(path)), 8, 3, "float32")
    assert "\n" not in str(error.value)


def test_other_networks_see_pixels_as_this_program_has_them():
    with pytest.raises(ConfigError, match=r"another is for a network of one's own\.$"):
        build(Network(pixel_range="0..1"), 8, 3, "float32")
    with pytest.raises(
        ConfigError, match="of one's own, 'robustbench_wrn', 'dm_wrn', "
    ):
        build(ClassifierNetwork(pixel_range="0..1"), 8, 3, "float32")


@pytest.mark.parametrize(
    "settings",
    [
        Network(architecture="networks.py:energy"),
        ClassifierNetwork(architecture="networks.py:classifier", num_classes=4),
        GeneratorNetwork(architecture="networks.py:generator", latent_size=6),
        DiscriminatorNetwork(architecture="networks.py:discriminator"),
    ],
)
def test_the_examples_are_such_networks(monkeypatch, settings):
    monkeypatch.chdir(ROOT / "examples")
    assert build(settings, 16, 3, "float32").count_params() > 1000
