"""The rivals of the attack benchmark compute what this project computes."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import attack_tensorflow
from benchmarks.attack_tensorflow import (
    plain_apgd,
    plain_pgd,
    plain_resnet,
    project_loop,
)
from ebm_tf.attacks.apgd import apgd
from ebm_tf.attacks.apgd_kernel import windows
from ebm_tf.config.attacks import Ball
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.models.catalogue import build
from tests.runs import ROOT
from tests.slow import first_fast

NETWORK = ClassifierNetwork(architecture="resnet", depth=18, width=2)
HAS_PYTORCH = importlib.util.find_spec("torch") is not None


def network() -> keras.Model:
    """A network whose statistics are not those that it begins with."""
    model, random = build(NETWORK, 8, 3, "float32"), np.random.default_rng(0)
    model.set_weights(
        [random.uniform(0.2, 0.6, weight.shape) for weight in model.get_weights()]
    )
    return model


def by_kind(model: keras.Model) -> dict[str, list]:
    """The layers with weights by kind, in the order in which they were made."""
    kinds: dict[str, list] = {"Conv2D": [], "BatchNormalization": [], "Dense": []}
    for layer in model.layers:
        if layer.weights:
            kinds[type(layer).__name__].append(layer)
    return {kind: sorted(layers, key=made) for kind, layers in kinds.items()}


def made(layer: keras.Layer) -> tuple:
    """Names are numbered or, in this project, those of stages after the stem."""
    number = layer.name.rsplit("_")[-1]
    numbered = int(number) if number.isdigit() else 0
    return not layer.name.startswith("stem"), numbered, layer.name


def test_the_plain_network_is_the_network():
    model, plain = network(), plain_resnet(8, 2)
    assert plain.count_params() == model.count_params()
    for ours, theirs in zip(
        by_kind(model).values(), by_kind(plain).values(), strict=True
    ):
        for layer, other in zip(ours, theirs, strict=True):
            other.set_weights(layer.get_weights())
    images = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2], -1.0)
    np.testing.assert_allclose(plain(images), model(images), rtol=1e-3, atol=1e-4)


def images_and_labels(model) -> tuple[tf.Tensor, tf.Tensor]:
    images = tf.random.stateless_uniform([4, 8, 8, 3], [3, 4], -0.9, 0.9)
    return images, tf.argmax(model(images), -1)


def losses(labels: tf.Tensor, logits: tf.Tensor) -> np.ndarray:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits).numpy()


@pytest.mark.parametrize("attack", first_fast("pgd", "apgd"))
def test_plain_attacks_climb_in_the_ball(attack, monkeypatch):
    monkeypatch.setattr(attack_tensorflow, "EPSILON", 0.1)
    keras.utils.set_random_seed(0)
    model = plain_resnet(8, 2)
    images, labels = images_and_labels(model)
    loops = {"pgd": plain_pgd(model, 8), "apgd": plain_apgd(model, windows(8))}
    attacked = loops[attack](images, labels)
    assert np.abs(attacked - images).max() <= 0.1 + 1e-6
    before, after = (losses(labels, model(some)) for some in (images, attacked))
    assert np.all(after > before)


def test_plain_apgd_climbs_as_high_as_apgd(monkeypatch):
    """From other starts, on a loss with few hills; the project's stops at an error."""
    monkeypatch.setattr(attack_tensorflow, "EPSILON", 0.02)
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    logits = keras.layers.Dense(10)(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, logits)
    images, labels = images_and_labels(model)
    attack = apgd(model, Ball(epsilon=0.02 * 127.5), loss="cross_entropy", num_steps=40)
    ours = model(project_loop(attack)(images, labels))
    theirs = model(plain_apgd(model, windows(40))(images, labels))
    right = tf.argmax(ours, -1) == labels
    assert np.any(right)
    first, second = (losses(labels, logits)[right] for logits in (ours, theirs))
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.slow
def test_prints_images_per_second():
    sizes = "--image_size 8 --width 2 --batch 2 --pgd_steps 2 --apgd_steps 4 --rounds 1"
    script = str(ROOT / "benchmarks" / "attack.py")
    command = [sys.executable, script, *sizes.split(), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    for attack in ("pgd", "apgd_ce"):
        for rival in ("project", "plain_tensorflow"):
            assert results[f"{rival}_{attack}"] > 0
        ratio = results[f"{attack}_over_plain_tensorflow"]
        assert ratio == pytest.approx(
            results[f"project_{attack}"] / results[f"plain_tensorflow_{attack}"]
        )
        assert (results[f"pytorch_{attack}"] is not None) == HAS_PYTORCH


def test_the_pytorch_network_is_the_network():
    torch = pytest.importorskip("torch")
    from benchmarks.attack_pytorch import ResNet18

    model, rival = network(), ResNet18(2).eval()
    layers = by_kind(model)
    kinds = {torch.nn.Conv2d: "Conv2D", torch.nn.BatchNorm2d: "BatchNormalization"}
    for kind, name in kinds.items():
        theirs = [module for module in rival.modules() if isinstance(module, kind)]
        for module, layer in zip(theirs, layers[name], strict=True):
            values = [torch.tensor(value) for value in layer.get_weights()]
            if name == "Conv2D":
                module.weight.data = values[0].permute(3, 2, 0, 1)
            else:
                module.weight.data, module.bias.data = values[:2]
                module.running_mean, module.running_var = values[2:]
    (dense,) = layers["Dense"]
    kernel, bias = (torch.tensor(value) for value in dense.get_weights())
    rival.logits.weight.data, rival.logits.bias.data = kernel.T, bias
    images = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2], -1.0)
    seen = rival(torch.tensor(images.numpy().transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(seen.detach(), model(images), rtol=1e-3, atol=1e-4)
