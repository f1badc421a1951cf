"""The configs of joint models say what was published, and learn."""

import dataclasses
import math
from typing import Any

import pytest

from ebm_tf.config import core
from ebm_tf.config.joint import JointTraining, SharpnessAware
from ebm_tf.config.optimizers import Cosine, Optimizer, Sgd, Warmup
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import ClippedLangevin, Langevin
from ebm_tf.models.catalogue import build
from tests.runs import ROOT, learn_here, without_values

JOINT: dict[str, Any] = {
    path.stem: config
    for path in sorted(ROOT.glob("configs/*.py"))
    if isinstance(config := core.load(str(path)), JointTraining)
}
PRESETS = [name for name in JOINT if not name.startswith(("digits", "mnist"))]
STEPS = ClippedLangevin(drift=1.0, noise=0.0, max_gradient=1.0, image_bound=1.0)
IMAGES = """
import numpy as np

def images(split, directory):
    images = np.random.default_rng(len(split)).integers(0, 256, [200, 32, 32, 3])
    return images.astype(np.uint8), np.arange(200) % CLASSES
"""


@pytest.mark.parametrize("name", ["cifar10_jem", "cifar100_jem", "svhn_jem"])
def test_the_official_recipe(name):
    config = JOINT[name]
    assert config.langevin == Langevin(drift=1.0, noise=0.01)
    assert (config.chains.bank_size, config.chains.rejuvenation) == (10_000, 0.05)
    assert config.chains.num_steps == 20 and config.chains.start == "noise"
    assert config.data_epsilon == 0.03 and config.labelled.data_epsilon == 0.03
    assert config.batch == config.labelled.batch == 64
    assert config.optimizer.name == "adam" and config.num_updates == 150 * 703
    schedule = config.optimizer.learning_rate
    assert schedule.num_steps == 1000
    rates, starts = zip(*schedule.then, strict=True)
    assert rates == pytest.approx((1e-4, 0.3e-4, 0.09e-4))
    assert starts == (0, 50 * 703, 100 * 703)
    assert config.data.flip == (name != "svhn_jem") and config.data.padding == 4
    network = config.classifier
    assert (network.architecture, network.depth, network.width) == (
        "wide_resnet",
        28,
        10,
    )
    assert (network.norm, network.activation) == ("none", "leaky_relu")
    assert network.dropout == 0.0 and not network.energy_head
    with without_values():
        model = build(network, 32, 3, "float32")
    head = 641 * network.num_classes
    assert model.count_params() == 36_464_928 + head


def test_the_recipe_of_the_unofficial_program():
    config = JOINT["cifar10_jem_seed"]
    assert config.batch == 128 and config.labelled is None
    assert config.classifier.dropout == 0.25
    end = config.num_updates
    assert config.optimizer == Optimizer(
        learning_rate=Warmup(
            num_steps=1000, then=Cosine(first=1e-4, last=1e-6, num_steps=end)
        ),
        average_decay=0.0,
    )
    assert end == 200 * (45_000 // 128)
    assert (config.picture_every, config.animate_every) == (100, 500)


def test_the_recipe_of_jem_plus_plus():
    config: Any = JOINT["cifar10_jempp"]
    assert config.langevin == STEPS and config.chains.num_steps == 10
    assert config.chains.start == "class_gaussian"
    assert config.classifier.norm == "batch"
    ends = (50, 100, 125)
    rates = ((0.1, 0), *zip((0.02, 4e-3, 8e-4), (703 * e for e in ends), strict=True))
    assert config.optimizer == Sgd(
        learning_rate=Warmup(num_steps=1000, then=rates), weight_decay=4e-4
    )


def test_the_recipe_of_sada_jem():
    config = JOINT["cifar10_sada_jem"]
    assert config.langevin == STEPS and config.chains.num_steps == 5
    assert config.sharpness_aware == SharpnessAware(rho=2.0, adaptive=True)
    assert config.data_epsilon == 0.0 and not config.labelled.positives_augmented
    assert (config.batch, config.labelled.batch) == (64, 128)
    assert config.optimizer.weight_decay == 5e-4


@pytest.mark.parametrize("name", [name for name in JOINT if "baseline" in name])
def test_a_baseline_is_the_joint_model_without_its_chains(name):
    baseline, joint = JOINT[name], JOINT[name.removesuffix("_baseline")]
    assert baseline.chains is None and not baseline.terms.need_chains
    assert baseline.classifier == joint.classifier and baseline.data == joint.data
    assert baseline.optimizer == joint.optimizer


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_two_updates_of_each_preset(name, tmp_path):
    config = JOINT[name]
    own = tmp_path / "own.py"
    own.write_text(IMAGES.replace("CLASSES", str(config.classifier.num_classes)))
    changes = [
        f"data.name={own}:images",
        "data.split=train[:160]",
        "validation_split=train[160:180]",
        "num_test=20",
        "num_updates=2",
        "batch=4",
        "evaluation_batch=20",
        "classifier.depth=10",
        "classifier.width=1",
        "validate_every=2",
        "picture_every=2",
    ]
    if config.chains is not None:
        changes += [
            "chains.bank_size=8",
            "chains.num_steps=1",
            "samples.num_samples=4",
            "samples.num_steps=1",
        ]
    if config.labelled is not None:
        changes.append("labelled.batch=4")
    config = override(config, changes)
    if isinstance(config.optimizer.learning_rate, Warmup):  # else nothing is learned
        rate = dataclasses.replace(config.optimizer.learning_rate, num_steps=1)
        optimizer = dataclasses.replace(config.optimizer, learning_rate=rate)
        config = dataclasses.replace(config, optimizer=optimizer)
    _, results = learn_here(config, tmp_path / "runs")
    assert results["num_updates"] == 2 and 0 <= results["test_accuracy"] <= 1
    assert math.isfinite(results.get("frechet_pixels", 0.0))
