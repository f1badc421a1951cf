"""Features in chunks on all devices are the features of each image."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.errors import DataError, WeightsError
from ebm_tf.evaluation import features
from ebm_tf.evaluation.features import (
    CHUNK,
    Extractor,
    Features,
    extracted,
    open_extractor,
    rechunked,
)
from ebm_tf.models import classifiers
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.files import sha256_of
from ebm_tf.runtime.weight_files import save_weights
from tests.runs import measuring, tiny

SMALL = ClassifierNetwork(depth=10, width=1, num_classes=6)


@pytest.fixture(params=["one_replica", "two_replicas"])
def replicas(request) -> Replicas:
    return Replicas(request.getfixturevalue(request.param), jit=False)


def draw(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, [count, 8, 8, 1], np.uint8)


def parts(images: np.ndarray, *cuts: int) -> list[np.ndarray]:
    return np.split(images, cuts)


def counting(traces: list[int]) -> Extractor:
    """Sums and pixels as logits and vectors; it notes whenever it is traced."""
    pixels = features.pixels(8, 1)

    def extract(images: tf.Tensor) -> Features:
        traces.append(int(images.shape[0] or 0))
        vectors = pixels.extract(images).vectors
        return Features(vectors, tf.reduce_sum(vectors, 1, keepdims=True))

    return pixels._replace(extract=extract)


@pytest.mark.parametrize("size", [1, 3, 7, 40])
@pytest.mark.parametrize("seed", range(3))
def test_rechunked_arrays_have_one_size_and_the_same_rows(size, seed):
    random = np.random.default_rng(seed)
    rows = random.normal(size=[30, 2])
    cuts = np.sort(random.integers(0, 31, 6))  # some parts are empty
    chunks = list(rechunked(np.split(rows, cuts), size))
    np.testing.assert_array_equal(np.concatenate(chunks), rows)
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert 0 < len(chunks[-1]) <= size


def test_nothing_is_rechunked_into_nothing():
    assert list(rechunked([], 3)) == []
    assert list(rechunked([np.zeros([0, 2])], 3)) == []


def test_rechunking_holds_back_as_little_as_it_can():
    """What is read ahead is one array: memory does not grow with all of them."""
    read = []

    def arrays():
        for index in range(5):
            read.append(index)
            yield np.full([2], index)

    chunks = rechunked(arrays(), 3)
    assert next(chunks).tolist() == [0, 0, 1] and read == [0, 1]
    assert next(chunks).tolist() == [1, 2, 2] and read == [0, 1, 2]


@pytest.mark.parametrize("count", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 1, 230])
def test_any_number_of_images_gives_the_features_of_each(replicas, count):
    images, traces = draw(count), []
    extractor = counting(traces)
    given = list(extracted(parts(images, count // 3), extractor, replicas))
    vectors, logits = (np.concatenate(parts) for parts in zip(*given, strict=True))
    expected = features.pixels(8, 1).extract(tf.constant(images)).vectors.numpy()
    np.testing.assert_array_equal(vectors, expected, strict=True)
    assert logits.shape == (count, 1)
    np.testing.assert_allclose(logits[:, 0], expected.sum(1), atol=1e-4)
    # One shape, traced once for each replica.
    assert traces == [CHUNK] * replicas.num_local


@pytest.mark.parametrize("place", [0, 1], ids=["vectors", "logits"])
def test_a_feature_that_is_no_number_is_told_with_its_image(replicas, place):
    def extract(images: tf.Tensor) -> Features:
        means = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2, 3])[:, None]
        odd = tf.where(means == 0.0, float("nan"), means)
        return Features(*((odd, means) if place == 0 else (means, odd)))

    extractor = Extractor("means", 1, "none", "w.h5", extract)
    images = np.maximum(draw(2 * CHUNK + 3), 1)
    assert len(list(extracted([images], extractor, replicas))) > 1
    images[2 * CHUNK + 1] = 0
    with pytest.raises(
        DataError, match=f"features means of image {2 * CHUNK + 1} are not finite"
    ):
        list(extracted([images], extractor, replicas))


def test_more_images_are_not_compiled_again(replicas):
    traces: list[int] = []
    extractor = counting(traces)
    for count in (7, 2 * CHUNK + 3, 1):
        list(extracted([draw(count)], extractor, replicas))
    assert len(traces) == replicas.num_local


def test_an_extractor_without_logits_has_none(replicas):
    ((vectors, logits),) = extracted([draw(3)], features.pixels(8, 1), replicas)
    assert vectors.shape == (3, 64) and logits.shape == (3, 0)


def settings(**changed):
    return measuring(tiny(), "none", features=FeatureExtractor(**changed))


def network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return classifiers.wide_resnet(8, 1, depth=10, width=1, num_classes=6)


def test_the_features_of_a_saved_classifier(replicas, tmp_path):
    path, model = str(tmp_path / "it.weights.h5"), network(5)
    save_weights(model, path)
    config = settings(name="classifier", weights=path, classifier=SMALL)
    extractor = open_extractor(config.features, config.data, replicas)
    assert extractor.weights == f"{path} sha256 {sha256_of(path)}"
    assert extractor.size == 64
    images = draw(CHUNK + 9)
    given = list(extracted([images], extractor, replicas))
    ours = [np.concatenate(parts) for parts in zip(*given, strict=True)]
    theirs = features.classifier(model, "").extract(tf.constant(images))
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(our, their, rtol=1e-4, atol=1e-4)
    save_weights(network(6), path)
    other = open_extractor(config.features, config.data, replicas)
    assert other.weights != extractor.weights


def test_pixels_need_no_weights(replicas):
    config = settings(name="pixels")
    extractor = open_extractor(config.features, config.data, replicas)
    assert extractor[:4] == ("pixels", 64, "none", "none")


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> str:
    """Weights of a wider classifier."""
    path = str(tmp_path_factory.mktemp("other") / "other.weights.h5")
    save_weights(classifiers.wide_resnet(8, 1, depth=10, width=2, num_classes=6), path)
    return path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"name": "inception_2015"},
            "features.name='inception_2015' needs weights: --set features.weights="
            "PATH, classify_image_graph_def.pb",
        ),
        (
            {"name": "inception_2015", "weights": "none.pb"},
            "No Inception graph at none",
        ),
        ({"name": "inception_2015", "weights": "{other}"}, "Expected SHA-256 009d68"),
        ({"name": "inception_keras", "weights": "none.h5"}, "No weights at none.h5"),
        (
            {"name": "classifier", "classifier": SMALL},
            "features.name='classifier' needs weights: --set features.weights=PATH, a "
            "weight file, a run folder, release:NAME or FILE.keras.",
        ),
        (
            {"name": "classifier", "classifier": SMALL, "weights": "none"},
            "No weights at none: expected a file",
        ),
        (
            {"name": "classifier", "classifier": SMALL, "weights": "{other}"},
            "do not fit the classifier",
        ),
    ],
)
def test_what_is_missing_is_told(two_replicas, other, changed, message):
    changed = {
        name: value.format(other=other) if name == "weights" else value
        for name, value in changed.items()
    }
    config, replicas = settings(**changed), Replicas(two_replicas, jit=False)
    with pytest.raises(WeightsError) as error:
        open_extractor(config.features, config.data, replicas)
    assert message in str(error.value) and "\n" not in str(error.value)
