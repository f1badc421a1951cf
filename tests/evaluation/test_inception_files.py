"""Files of Inception networks: found, whole, the right ones, or an error of a line."""

import hashlib
import io
import pathlib
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import WeightsError
from ebm_tf.evaluation import inception
from ebm_tf.evaluation.inception import load_inception_keras, read_inception_2015
from tests.evaluation.test_inception import stand_in

GRAPH = stand_in()
DIGEST = hashlib.sha256(GRAPH).hexdigest()


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write(folder: pathlib.Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def error_of(path: str, **choices) -> str:
    with pytest.raises(WeightsError) as raised:
        read_inception_2015(path, **choices)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("sha256", [None, DIGEST], ids=["any", "checked"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classify_image_graph_def.pb", GRAPH),
        ("renamed.pb", GRAPH),
        ("some.tgz", archive(**{"LICENSE": b"", inception.GRAPH: GRAPH})),
        ("some.tar.gz", archive(**{f"./folder/{inception.GRAPH}": GRAPH})),
    ],
)
def test_the_graph_and_its_digest_come_from_either_file(
    tmp_path, name, content, sha256
):
    path = write(tmp_path, name, content)
    assert read_inception_2015(path, sha256) == (
        GRAPH,
        f"classify_image_graph_def.pb sha256 {DIGEST}",
    )


def test_a_graph_comes_from_a_bucket():
    path = "ram://inception/classify_image_graph_def.pb"
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(GRAPH)
    assert read_inception_2015(path, DIGEST)[0] == GRAPH


def test_another_graph_is_told_by_both_digests(tmp_path):
    path = write(tmp_path, "classify_image_graph_def.pb", GRAPH)
    assert error_of(path) == (
        "Expected SHA-256 "
        "009d6814d1bc560d4e7b236e170e9b2d5ca6f4b57bd8037f6db05776204415c6"
        f" of the graph in {path}, got {DIGEST}: get models/image/imagenet/"
        "inception-2015-12-05.tgz of download.tensorflow.org."
    )


def test_a_missing_graph_is_told_with_its_source(tmp_path):
    path = str(tmp_path / "no.pb")
    assert error_of(path) == (
        f"No Inception graph at {path}: get models/image/imagenet/"
        "inception-2015-12-05.tgz of download.tensorflow.org, and give its path or "
        "that of classify_image_graph_def.pb in it."
    )
    assert error_of(str(tmp_path)).startswith(f"Cannot read {tmp_path}: ")


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", archive(LICENSE=bytes(range(256)) * 99)[:-40]],
    ids=["empty", "other", "cut"],
)
def test_a_damaged_archive_is_told(tmp_path, content):
    path = write(tmp_path, "some.tgz", content)
    assert error_of(path).startswith(f"The archive {path} is damaged: get models/")


def test_a_cut_archive_never_brings_another_graph(tmp_path):
    whole = archive(**{inception.GRAPH: GRAPH})
    num_told = 0
    for length in range(0, len(whole), 50):
        path = write(tmp_path, "some.tgz", whole[:length])
        try:
            # The end of an archive is only padding.
            assert read_inception_2015(path, sha256=None)[0] == GRAPH
        except WeightsError as error:
            assert path in str(error)
            num_told += 1
    assert num_told > 10


def test_an_archive_without_the_graph_is_told(tmp_path):
    path = write(tmp_path, "some.tgz", archive(LICENSE=b"free"))
    assert error_of(path).startswith(
        f"The archive {path} holds no classify_image_graph_def.pb: get models/"
    )


def test_what_is_no_inception_graph_is_told(tmp_path):
    path = write(tmp_path, "some.pb", b"no graph")
    assert error_of(path, sha256=None) == f"The file {path} holds no TensorFlow graph."
    path = write(tmp_path, "empty.pb", b"")
    assert error_of(path, sha256=None).startswith(
        f"The graph {path} lacks ExpandDims, "
    )


def small_inception(weights: str | None) -> keras.Model:
    """Stands in for the 22 million parameters."""
    if weights is not None:
        raise Exception("URL fetch failure")  # As Keras raises it.
    images = keras.Input((299, 299, 3))
    means = keras.layers.GlobalAveragePooling2D()(images)
    return keras.Model(images, keras.layers.Dense(4, name="features")(means))


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_of_keras_come_from_a_file(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(inception, "_inception_keras", small_inception)
    saved = small_inception(None)
    path = tmp_path / f"some{suffix}"
    saved.save_weights(path) if "weights" in suffix else saved.save(path)
    model, weights = load_inception_keras(str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert weights == f"some{suffix} sha256 {digest}"
    for ours, theirs in zip(model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_download_that_fails_names_the_file_to_fetch(monkeypatch):
    monkeypatch.setattr(inception, "_inception_keras", small_inception)
    with pytest.raises(WeightsError) as raised:
        load_inception_keras()
    assert str(raised.value) == (
        "Cannot download the weights of Keras' InceptionV3: fetch "
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5 in tensorflow/"
        "keras-applications/inception_v3 of storage.googleapis.com and give its path."
    )


def test_weights_of_keras_that_cannot_be_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(inception, "_inception_keras", small_inception)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    other.save_weights(tmp_path / "other.weights.h5")
    paths = [
        write(tmp_path, "damaged.weights.h5", b"nothing"),
        write(tmp_path, "damaged.h5", b"nothing"),
        write(tmp_path, "some.pb", b"nothing"),
        str(tmp_path / "other.weights.h5"),
    ]
    for path in paths:
        with pytest.raises(
            WeightsError, match="do not fit Keras' InceptionV3"
        ) as raised:
            load_inception_keras(path)
        assert str(raised.value).startswith(f"The weights {path} are damaged or ")
        assert "\n" not in str(raised.value)
    for path in (str(tmp_path), str(tmp_path / "no.h5")):
        with pytest.raises(WeightsError, match=f"^No weights at {path}: expected "):
            load_inception_keras(path)


@pytest.mark.slow
def test_the_inception_of_keras_has_2048_features(tmp_path):
    saved = inception._inception_keras(None)
    saved.save_weights(tmp_path / "some.weights.h5")
    model, _ = load_inception_keras(str(tmp_path / "some.weights.h5"))
    images = tf.random.stateless_uniform([2, 299, 299, 3], [1, 2], -1.0, 1.0)
    features = model(images, training=False)
    assert features.shape == (2, 2048)
    np.testing.assert_array_equal(features, saved(images, training=False))
