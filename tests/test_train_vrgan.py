"""Whole runs of a mapper: what they leave, and directions of it."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ebm_tf import train_vrgan
from ebm_tf.config import core
from ebm_tf.config.directions import GeneratorDirections
from ebm_tf.config.mapper import MapperTraining
from ebm_tf.config.overrides import override
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import load_images
from ebm_tf.directions.opening import open_directions
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.store.models import load
from tests.runs import ROOT, assert_same_arrays, learn_here, run_here, saved_arrays

SQUARES = ROOT / "configs" / "squares32_vrgan_small.py"
SPHERES = ROOT / "configs" / "sphere_vrgan.py"
ANY: Any = None  # directions of a network do not look at the data
TINY = [
    "num_updates=4",
    "save_every=2",
    "log_every=2",
    "measure_every=2",
    "batch=4",
    "num_measured=10",
    "data.split=train[:40]",
]
SMALL_IMAGES = ["mapper.width=2", "mapper.depth=1", "classifier.width=2"]


def tiny(*changes: str, path=SQUARES) -> MapperTraining:
    small = SMALL_IMAGES if path == SQUARES else ["mapper.width=8", "data.channels=6"]
    return override(core.load(str(path)), [*TINY, *small, *changes])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return learn_here(tiny(), tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
def test_results_and_files(whole):
    folder, results = whole
    assert results["num_updates"] == 4 and results["num_images"] == 10
    assert 0 <= results["flip_rate"] <= 1 and -1 <= results["cosine"] <= 1
    assert set(results["norms"]) == {"0", "1"}
    assert results["norms"]["0"]["difference"] > 0
    names = {path.name for path in (folder / "images").iterdir()}
    assert names == {"data.png", "mapped_00000002.png", "mapped_00000004.png"}
    roles = ("mapper", "mapper_average", "classifier", "classifier_average")
    assert {path.name for path in (folder / "weights").iterdir()} == {
        f"{role}_{step:08d}.weights.h5" for role in roles for step in (2, 4)
    }
    lines = (folder / "validation.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [line["step"] for line in told] == [2, 4]
    assert all({"flip_rate", "cosine"} <= set(line) for line in told)


@pytest.mark.slow
def test_a_run_in_two_pieces_is_one_run(whole, tmp_path):
    folder, _ = learn_here(tiny("num_updates=2"), tmp_path)
    done = run_here("--resume", folder, "--set", "num_updates=4", executable=None)
    assert (done.code, done.err) == (0, ""), done
    assert_same_arrays(saved_arrays(folder), saved_arrays(whole[0]))
    for name in ("metrics.jsonl", "validation.jsonl"):
        assert (folder / name).read_text() == (whole[0] / name).read_text()


@pytest.mark.slow
def test_directions_of_a_run_are_those_that_it_measured(whole):
    folder, results = whole
    config = tiny()
    data = dataclasses.replace(config.data, split="test")
    source = open_source(data)
    images, labels = map(tf.constant, load_images(source, data, limit=10))
    found = open_directions(GeneratorDirections(weights=str(folder)), config, source)
    differences = found.differences(images, labels, 1 - labels, tf.constant([0, 0]))
    norms = np.linalg.norm(np.reshape(differences, [10, -1]), axis=1)
    for label, means in results["norms"].items():
        mean = norms[labels.numpy() == int(label)].mean()
        assert mean == pytest.approx(means["difference"], rel=1e-4)
    assert found.compiles and "mapper_average_00000004" in found.lines[0]
    assert set(found.digests) == {"weights of the mapper"}
    model = load(str(folder))
    assert set(model.networks) == {"mapper", "classifier"}
    assert model.classifier(images).shape == (10, 2)


@pytest.mark.slow
def test_directions_of_other_images_and_of_runs_without_a_mapper(whole):
    folder = str(whole[0])
    config = tiny("data.image_size=16", "data.name=digits")
    with pytest.raises(ConfigError, match="learned from images of 32 pixels"):
        open_directions(GeneratorDirections(weights=folder), config, ANY)
    with pytest.raises(ConfigError, match="did not learn a mapper"):
        open_directions(
            GeneratorDirections(weights="release:digits_clean"), config, ANY
        )
    file = max((whole[0] / "weights").glob("mapper_average_*"))
    alone = GeneratorDirections(weights=str(file))
    config = tiny()
    assert open_directions(alone, config, ANY).lines == (
        f"directions: of the mapper {file}",
    )
    with pytest.raises(WeightsError):
        open_directions(GeneratorDirections(weights="/nowhere"), config, ANY)


@pytest.mark.slow
def test_points_are_mapped_without_pictures(tmp_path):
    config = tiny("classifier.width=8", path=SPHERES)
    folder, results = learn_here(config, tmp_path)
    assert -1 <= results["cosine"] <= 1
    norms = results["norms"]
    assert norms["0"]["image"] == pytest.approx(1.0, rel=1e-5)
    assert norms["1"]["image"] == pytest.approx(1.3, rel=1e-5)
    assert not (folder / "images").exists()


def test_it_is_described():
    lines = list(train_vrgan.describe(tiny()))
    assert lines[0].startswith("mapper: unet_1_2")
    assert lines[1].startswith("classifier: sngan_classifier")
    assert any(line.startswith("validation: ") for line in lines)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("mapper.num_classes=3", "to be equal"),
        ("validation_split=train", "share no images"),
        ("flip_weight=0", "flip_weight=0"),
        ("num_measured=1", "num_measured=1"),
        ("mapped_weight=-1", "mapped_weight=-1"),
        ("mapper.depth=0", "depth=0"),
        ("guard.max_energy_difference=2", "learns no energy"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ConfigError, match=message):
        tiny(change)
