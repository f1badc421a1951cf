"""Published classifiers: against PyTorch, and as people save them."""

import json
import pathlib

import numpy as np
import pytest

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.networks import Standardised
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.store.conversion.converting import KINDS, Converted, convert, target
from ebm_tf.store.conversion.fitting import fitted
from ebm_tf.store.sources import find
from tests.runs import without_values
from tests.slow import slow
from tests.store.conversion import published_classifiers as published
from tests.store.conversion.published_classifiers import CASES, Case
from tests.store.small_weights import weights_into

# By tests/store/conversion/torch_networks.py, from PyTorch 2.13.
LOGITS = json.loads(
    pathlib.Path(__file__).with_name("classifier_logits.json").read_text()
)
TOLERANCE = 1e-5
FAST = ("cifar_resnet_18", "preact_resnet_18", "robustbench_wrn_16_2", "dm_wrn_10_1")
SMALL = CASES["robustbench_wrn_10_1"]
PIXELS = Standardised(mean=published.MEAN, stddev=published.STDDEV)


def converted(case: Case, folder, arrays=None, key=None, settings=()) -> Converted:
    source = folder / "weights.npz"
    np.savez(source, **(case.arrays() if arrays is None else arrays))  # pyright: ignore
    told = [f"raw_shortcut={case.options.get('raw_shortcut', False)}"]
    told = told if case.kind == "preact_resnet" else []
    if case.kind == "torchvision_resnet" and not case.pixel_names:
        told = ["pixel_range=0..1"]
    wanted = target(case.kind, case.image_size, 3, [*told, *settings], key)
    return convert(wanted, str(source), str(folder / "out"))


def logits(case: Case, folder) -> np.ndarray:
    """Of the converted classifier, built as its folder says."""
    settings = find(str(folder / "out")).network("classifier")
    assert isinstance(settings, ClassifierNetwork)
    model = build(settings, case.image_size, 3, "float32")
    weights_into(str(folder / "out"), model, "classifier")
    return model(case.pixels() * 2 - 1, training=False).numpy()


def assert_as_in_pytorch(name: str, found: np.ndarray) -> None:
    expected = np.array(LOGITS[name])
    assert np.abs(expected[0] - expected[1]).max() > 0.05
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * scale)


@pytest.mark.parametrize(
    "name", [name if name in FAST else slow(name) for name in CASES]
)
def test_logits_are_those_of_pytorch(name, tmp_path):
    case = CASES[name]
    converted(case, tmp_path)
    assert_as_in_pytorch(name, logits(case, tmp_path))
    settings = find(str(tmp_path / "out")).network("classifier")
    told = (settings.depth, settings.width, settings.num_classes)
    assert told == (case.depth, case.width, published.NUM_CLASSES)
    assert (settings.pixel_range == PIXELS) == bool(case.pixel_names)


def test_the_tool_says_what_a_config_needs(tmp_path):
    done = converted(CASES["dm_wrn_10_1"], tmp_path)
    assert done.assignments == [
        f"classifier.weights={tmp_path / 'out'}",
        "classifier.architecture=dm_wrn",
        f"classifier.pixel_range.mean={published.MEAN}",
        f"classifier.pixel_range.stddev={published.STDDEV}",
        *("classifier.depth=10", "classifier.width=1", "classifier.num_classes=7"),
        "classifier.activation=silu",
    ]
    assert done.notes == [
        f"It sees pixels in [0, 1], less {published.MEAN}, over {published.STDDEV}."
    ]


def test_pixels_of_the_range_of_images_are_named_by_their_mean(tmp_path):
    """As the setting that says nothing is "-1..1", too."""
    with pytest.raises(ConfigError, match="where robustbench_wrn saw them in .-1, 1.,"):
        converted(SMALL, tmp_path, settings=["pixel_range=-1..1"])
    halves = ["pixel_range.mean=0.5", "pixel_range.stddev=0.5"]
    converted(SMALL, tmp_path, settings=halves)
    settings = find(str(tmp_path / "out")).network("classifier")
    assert settings.pixel_range == Standardised(mean=0.5, stddev=0.5)


def prefixed(prefix: str, arrays):
    return {prefix + name: array for name, array in arrays.items()}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.module.", "1."])
def test_one_prefix_is_found(prefix, tmp_path):
    """With what an average by PyTorch keeps beside the weights."""
    arrays = {**prefixed(prefix, SMALL.arrays()), "n_averaged": np.array(7)}
    done = converted(SMALL, tmp_path, arrays)
    assert "the file does not tell: --set pixel_range.mean=M" in done.notes[0]
    assert_as_in_pytorch("robustbench_wrn_10_1", logits(SMALL, tmp_path))


def test_copies_that_are_the_same_are_one(tmp_path):
    """And the pixels beside them, as in files of the library `robustness`."""
    arrays = prefixed("module.model.", SMALL.arrays())
    arrays |= prefixed("module.attacker.model.", SMALL.arrays())
    for place in ("normalizer", "attacker.normalize"):
        pixels = zip(
            ("new_mean", "new_std"), (published.MEAN, published.STDDEV), strict=True
        )
        arrays |= {
            f"module.{place}.{n}": np.array(v, np.float32)[:, None, None]
            for n, v in pixels
        }
    done = converted(SMALL, tmp_path, arrays)
    assert f"classifier.pixel_range.mean={published.MEAN}" in done.assignments


def both() -> dict[str, np.ndarray]:
    arrays = SMALL.arrays()
    raw = {n: a + np.ones([], a.dtype) for n, a in arrays.items()}
    return prefixed("model.", raw) | prefixed("ema.module.", arrays)


def test_one_of_several_is_chosen_by_its_key(tmp_path):
    with pytest.raises(WeightsError) as raised:
        converted(SMALL, tmp_path, both())
    assert str(raised.value) == (
        f"{tmp_path}/weights.npz holds several sets of weights, under model, "
        "ema.module: choose one, --key NAME."
    )
    with pytest.raises(
        WeightsError, match="no weights under 'em'; it has some under m"
    ):
        converted(SMALL, tmp_path, both(), key="em")
    converted(SMALL, tmp_path, both(), key="ema")
    assert_as_in_pytorch("robustbench_wrn_10_1", logits(SMALL, tmp_path))


@pytest.mark.parametrize(
    ("extra", "settings", "message"),
    [
        ({"head.weight": np.zeros([2, 2])}, [], "unexpected head.weight"),
        ({}, ["depth=16"], r"missing block1.layer.1.bn1.weight and \d+ more"),
        (
            {"mu": np.full(3, 0.5, "f4"), "sigma": np.full(3, 0.2, "f4")},
            ["pixel_range=0..1"],
            "has .0.5, 0.5, 0.5. and .0.2, .* but --set says pixel_range=0..1: leave",
        ),
    ],
)
def test_misfits_are_told(extra, settings, message, tmp_path):
    with pytest.raises(WeightsError, match=message):
        converted(SMALL, tmp_path, SMALL.arrays() | extra, settings=settings)


# Parameters of the published networks: trainable ones and statistics.
PUBLISHED = [
    ("cifar_resnet", {"depth": 18}, published.resnet(18, 64, 10), 11_173_962),
    ("cifar_resnet", {"depth": 50}, published.resnet(50, 64, 10), 23_520_842),
    ("preact_resnet", {"depth": 18}, published.preact_resnet(18, 64, 10), 11_172_170),
    (
        "torchvision_resnet",
        {"depth": 50, "num_classes": 1000},
        published.resnet(50, 64, 1000, shortcut="downsample", logits="fc", stem=7),
        25_557_032,
    ),
    (
        "robustbench_wrn",
        {"depth": 34, "width": 10},
        published.robustbench_wrn(34, 10, 10, unused=False),
        46_160_474,
    ),
    ("dm_wrn", {"depth": 28, "width": 10}, published.dm_wrn(28, 10, 10), 36_479_194),
]


@pytest.mark.parametrize(
    ("kind", "settings", "shapes", "total"), PUBLISHED, ids=[k for k, *_ in PUBLISHED]
)
def test_published_files_are_used_up(kind, settings, shapes, total):
    """At their full width: every array has its place and its shape, none is left."""
    trained = (s for n, s in shapes.items() if not n.endswith(("_mean", "_var", "ked")))
    assert sum(int(np.prod(shape)) for shape in trained) == total
    with without_values():
        model = target(kind, None, 3, [f"{k}={v}" for k, v in settings.items()]).build()
    arrays = {n: np.broadcast_to(np.float32(1), shape) for n, shape in shapes.items()}
    wanted = {variable.path: tuple(variable.shape) for variable in model.variables}
    values = fitted(arrays, wanted, KINDS[kind].tables[32])
    assert len(values) == len(model.variables)
