"""What samples are compared with is computed once, and again where it matters."""

import dataclasses
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.preparation import prepare
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation import features
from ebm_tf.evaluation.features import Features
from ebm_tf.evaluation.frechet import moments, save_moments
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import Summary
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.workspace import Workspace
from tests.data.raw_files import write_mnist
from tests.runs import measuring, tiny

CONFIG = measuring(tiny(), "none")
DATA = CONFIG.data
PIXELS = features.pixels(8, 1)
SOURCE = open_source(DATA)


def unable(_):
    raise AssertionError("The cache is not used.")


def few(images: tf.Tensor) -> Features:
    """A few pixels of images of any size."""
    vectors = tf.reshape(pixels.from_bytes(images), [images.shape[0], -1])[:, 5:8]
    return Features(vectors, vectors[:, :0])


IDLE = PIXELS._replace(extract=unable)
FEW = PIXELS._replace(size=3, extract=few)


@pytest.fixture
def summarized(two_replicas, tmp_path):
    """Makes a reference; the runs of the same output share what is kept."""

    def make(
        config=CONFIG, source=SOURCE, extractor=PIXELS, worker=0
    ) -> tuple[Summary, str]:
        workspace = Workspace(str(tmp_path / config.name / "time"), worker)
        replicas = Replicas(two_replicas, jit=False)
        return summary_of_reference(config, source, extractor, replicas, workspace)

    return make


def cached(tmp_path: pathlib.Path) -> list[pathlib.Path]:
    return sorted((tmp_path / "reference").glob("*"))


def assert_same_summary(first: Summary, second: Summary) -> None:
    for ours, theirs in zip(first.whole, second.whole, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)
    np.testing.assert_array_equal(first.vectors, second.vectors, strict=True)


@pytest.mark.parametrize("count", [None, 60])
def test_it_is_the_moments_of_the_bytes(summarized, count):
    summary, name = summarized(dataclasses.replace(CONFIG, num_reference=count))
    images, _ = load_images(SOURCE, DATA, limit=count)
    vectors = pixels.from_bytes(pixels.to_bytes(images)).numpy().reshape(-1, 64)
    expected = moments(vectors)
    assert summary.whole.count == expected.count == (count or 100)
    np.testing.assert_allclose(summary.whole.mean, expected.mean, atol=1e-12)
    np.testing.assert_allclose(
        summary.whole.covariance, expected.covariance, atol=1e-12
    )
    np.testing.assert_array_equal(summary.vectors, vectors)
    assert name == f"digits, split train[:100], {count or 100} images"


def test_it_is_kept_for_all_runs_of_an_output(summarized, tmp_path):
    first = summarized()
    (path,) = cached(tmp_path)
    assert path.name.startswith("digits_pixels_")
    other = dataclasses.replace(
        CONFIG, name="other", seed=3, num_steps=9, batch=40, temperature=1.0
    )
    second = summarized(other, extractor=IDLE)
    assert_same_summary(first[0], second[0])
    assert first[1] == second[1] and cached(tmp_path) == [path]
    # All images, said or not, are all images.
    everything = dataclasses.replace(CONFIG, num_reference=100)
    assert_same_summary(first[0], summarized(everything, extractor=IDLE)[0])


CHANGES = {
    "data.image_size": {"config": {"data": dataclasses.replace(DATA, image_size=4)}},
    "num_reference": {"config": {"num_reference": 99}},
    "the images": {"source": {"digest": lambda _: "that of others"}},
    "how many": {"source": {"num_examples": 99}},
    "the extractor": {"extractor": {"name": "classifier"}},
    "its size": {"extractor": {"size": 4}},
    "its resize": {"extractor": {"resize": "bilinear"}},
    "its weights": {"extractor": {"weights": "sha256 of others"}},
    "its network": {"extractor": {"network": "of another activation"}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_determines_it_is_in_the_key(summarized, tmp_path, change):
    summarized(extractor=FEW)
    changed = CHANGES[change]
    changed = [changed.get(what, {}) for what in ("config", "source", "extractor")]
    config = dataclasses.replace(CONFIG, **changed[0])
    summarized(config, SOURCE._replace(**changed[1]), FEW._replace(**changed[2]))
    assert len(cached(tmp_path)) == 2


def test_a_dataset_that_is_prepared_anew_has_another_summary(summarized, tmp_path):
    """As many images of the same size, in files of the same names, sizes and times."""
    raw, out = tmp_path / "raw", tmp_path / "out"
    means, stamps = [], {}
    data = Data(name="mnist", directory=str(out), image_size=8, channels=1)
    config = dataclasses.replace(CONFIG, data=data)
    for invert in (False, True):
        write_mnist(raw, train=20, test=2, zipped=False)
        path = raw / "train-images-idx3-ubyte"
        if invert:
            content = path.read_bytes()
            path.write_bytes(content[:16] + bytes(255 - b for b in content[16:]))
        prepare("mnist", str(raw), str(out), overwrite=True)
        for shard in out.glob("mnist/*/*tfrecord*"):
            stamp = stamps.setdefault(shard, shard.stat().st_mtime_ns)
            os.utime(shard, ns=(stamp, stamp))
        means.append(summarized(config, open_source(data))[0].whole.mean)
    assert len(cached(tmp_path)) == 2
    np.testing.assert_allclose(means[0], -means[1], atol=1e-6)


def test_equal_images_elsewhere_have_the_same_summary(summarized, tmp_path):
    first, _ = summarized()
    elsewhere = SOURCE._replace(origin="elsewhere", name="copy")
    assert_same_summary(first, summarized(source=elsewhere, extractor=IDLE)[0])


@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.99, "text", "list"])
def test_a_damaged_cache_is_made_again(summarized, tmp_path, part):
    first, _ = summarized()
    (path,) = cached(tmp_path)
    content = path.read_bytes()
    match part:
        case "text":
            path.write_text("no archive")
        case "list":
            np.savez(path, mu=np.zeros(64))
        case _:
            path.write_bytes(content[: int(part * len(content))])
    again, _ = summarized()
    assert_same_summary(first, again)
    assert path.read_bytes() == content
    assert_same_summary(first, summarized(extractor=IDLE)[0])


def test_a_flipped_bit_is_noticed(summarized, tmp_path):
    first, _ = summarized()
    (path,) = cached(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert_same_summary(first, summarized()[0])


def test_other_workers_write_nothing(summarized, tmp_path):
    summarized(worker=1)
    assert cached(tmp_path) == []


def test_published_moments_are_taken_as_they_are(summarized, tmp_path):
    random = np.random.default_rng(0)
    given = moments(random.normal(size=[200, 64]))
    path = str(tmp_path / "published.npz")
    save_moments(path, given._replace(count=None))
    config = dataclasses.replace(CONFIG, reference=path)
    summary, name = summarized(config, extractor=IDLE)
    assert name == path and summary.whole.count is None
    np.testing.assert_array_equal(summary.whole.mean, given.mean)
    np.testing.assert_array_equal(summary.whole.covariance, given.covariance)
    assert summary.vectors.shape == (0, 64) and cached(tmp_path) == []


def test_published_moments_of_other_features_are_told(summarized, tmp_path):
    path = str(tmp_path / "published.npz")
    save_moments(path, moments(np.random.default_rng(0).normal(size=[9, 65])))
    config = dataclasses.replace(CONFIG, reference=path)
    with pytest.raises(ConfigError) as error:
        summarized(config)
    assert str(error.value) == (
        f"Expected the moments {path} to have 64 dimensions like the features pixels, "
        "got 65."
    )
    with pytest.raises(DataError, match="Cannot read the moments none.npz"):
        summarized(dataclasses.replace(CONFIG, reference="none.npz"))
