"""Which weights are selected, and the plot that shows it."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from ebm_tf.config import core
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.evaluation.classifier_validation import Evaluator, selection
from ebm_tf.evaluation.energy_statistics import training_curves
from ebm_tf.evaluation.training.plots import save_training_curves
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.seeds import Purpose
from tests.evaluation.test_energy_statistics import EVALUATION
from tests.runs import ROOT


def load(name: str) -> ClassifierTraining:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, ClassifierTraining)
    return config


def line(step: int, natural: float, robust: float) -> dict[str, float]:
    errors = {"natural": natural, "robust": robust}
    points = {f"validation_{kind}_error": error for kind, error in errors.items()}
    return {"step": step, **points}


LINES = [
    line(10, 0.1, 0.4),
    line(35_580, 0.2, 0.5),
    line(35_581, 0.3, 0.5),
    line(36_000, 0.2, 0.5),
    line(36_500, 0.2, 0.5),
    line(37_000, 0.1, 0.6),
]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("cifar10_weat_adv", 36_000),  # by robust, then natural error, then the first
        ("cifar10_mart", 10),
        ("cifar10_clean", 10),
    ],
)
def test_the_best_of_the_candidates_is_selected(name, step):
    selected = selection(load(name), LINES)
    assert selected is not None and selected["step"] == step


def test_a_clean_classifier_is_selected_by_its_natural_error():
    lines = [line(10, 0.2, 0.1), line(20, 0.1, 0.9), line(30, 0.1, 0.8)]
    selected = selection(load("cifar10_clean"), lines)
    assert selected is not None and selected["step"] == 30


def test_nothing_is_selected_before_the_first_candidate():
    assert selection(load("cifar10_weat_adv"), LINES[:2]) is None
    assert selection(load("cifar10_weat_adv"), []) is None


@pytest.mark.parametrize("num_lines", [1, 3])
def test_the_curves_are_plotted(tmp_path, num_lines):
    points = training_curves(EVALUATION)
    values = {f"{p}_{n}": v for p in ("train", "validation") for n, v in points.items()}
    lines = [{"epoch": float(epoch), **values} for epoch in range(num_lines)]
    for name, selected in (("none.png", None), ("last.png", lines[-1])):
        save_training_curves(str(tmp_path / name), lines, selected)
        assert Image.open(tmp_path / name).size == (1500, 800)
    first, second = ((tmp_path / n).read_bytes() for n in ("none.png", "last.png"))
    assert first != second


def test_two_replicas_find_what_one_finds_in_two_batches(one_replica, two_replicas):
    """Of 27 images in batches of 4 each the last ones are fewer, and drawn alike."""
    draw = np.random.default_rng(0)
    images = draw.uniform(-1, 1, [27, 4, 4, 1]).astype(np.float32)
    labels, found = draw.integers(0, 3, 27), []
    for strategy, batch in ((one_replica, 4), (two_replicas, 8)):
        with strategy.scope():
            inputs = keras.Input([4, 4, 1])
            flat = keras.layers.Flatten()(inputs)
            model = keras.Model(inputs, keras.layers.Dense(3)(flat))
        model.set_weights([np.sin(np.arange(48.0)).reshape(16, 3), np.zeros(3)])
        config = dataclasses.replace(load("cifar10_weat_adv"), evaluation_batch=batch)
        evaluator = Evaluator(config, Replicas(strategy, jit=False), model)
        found.append(evaluator.evaluate(images, labels, Purpose.VALIDATION))
    for first, second in zip(*found, strict=True):
        first, second = (
            each if isinstance(each, tuple) else (each,) for each in (first, second)
        )
        for one, two in zip(first, second, strict=True):
            assert len(one) == 27
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
