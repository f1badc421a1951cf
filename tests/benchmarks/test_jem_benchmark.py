"""The rivals of the JEM benchmark compute what this project computes."""

import importlib.util
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks import jem, jem_tensorflow
from benchmarks.jem_tensorflow import passes
from ebm_tf import energies
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.joint import JointTerms
from ebm_tf.energies import marginal_energy
from ebm_tf.kernels import iterate
from ebm_tf.learning.joint import Energies, contrast
from ebm_tf.models import ebm
from ebm_tf.models.catalogue import build
from ebm_tf.robust_objectives import cross_entropy
from ebm_tf.sampling.langevin import langevin
from tests.runs import ROOT

RATIOS = ("cost_over_passes", "cost_over_cross_entropy", "speed_over_plain_passes")
TINY = "--image_size 8 --batch 2 --num_steps 2 --rounds 1"
HAS_PYTORCH = importlib.util.find_spec("torch") is not None


def run(arguments: str) -> subprocess.CompletedProcess:
    script = str(ROOT / "benchmarks" / "jem.py")
    command = [sys.executable, script, *arguments.split()]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def network() -> keras.Model:
    settings = ClassifierNetwork(
        depth=10, width=1, norm="none", activation="leaky_relu"
    )
    return build(settings, 8, 3, "float32")


@pytest.mark.parametrize("lanes", [1, 2])
def test_passes_are_those_of_an_update(lanes, monkeypatch):
    monkeypatch.setattr(jem_tensorflow, "DRIFT", 30.0)  # initial gradients are small
    model = network()
    images, chains = (
        tf.random.stateless_uniform([4, 8, 8, 3], [seed, 1], -1.0) for seed in range(2)
    )
    labels = tf.constant([0, 3, 9, 1], tf.int64)
    moved, found = passes(model, 3, lanes)(images, labels, chains)

    energy = energies.network(ebm.marginal_energy(model))
    kernel = langevin(energy, drift=30.0, noise=0.0)
    state, _ = iterate(kernel, *kernel.init(chains), 3, tf.constant([0, 1]))
    assert np.abs(state.images - chains).max() > 0.01
    np.testing.assert_allclose(moved, state.images, atol=1e-5)
    with tf.GradientTape() as tape:
        logits = [model(some) for some in (images, moved)]
        data, samples = (Energies(marginal_energy(some)) for some in logits)
        loss, _ = contrast(JointTerms(), data, samples, 1.0)
        loss += tf.reduce_mean(cross_entropy(logits[0], labels))
    wanted = tape.gradient(loss, model.trainable_variables)
    for gradient, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(gradient, other, rtol=1e-4, atol=1e-6)


def test_ratios_are_those_of_rounds():
    """In the last of three rounds the machine was busy half of the time."""
    rounds = {
        jem.UPDATE: [600.0, 600.0, 1200.0],
        jem.PASSES: [500.0, 500.0, 500.0],
        jem.PLAIN: [900.0, 900.0, 2400.0],
        jem.ENTROPY: [40.0, 40.0, 40.0],
    }
    alone = jem.compared(rounds)
    assert alone == {
        "cost_over_passes": 1.2,
        "cost_over_cross_entropy": 15.0,
        "speed_over_plain_passes": 1.5,
        "speed_over_pytorch": None,
    }
    both = zip(jem.PYTORCH, ([1500.0] * 3, [1800.0, 1200.0, 1200.0]), strict=True)
    assert jem.compared(rounds | dict(both))["speed_over_pytorch"] == 2.0


@pytest.mark.slow
def test_prints_what_an_update_costs():
    done = run(f"{TINY} --bank_size 4 --json")
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    for name in (*jem.PARTS, *RATIOS):
        assert results[name] > 0, name
    assert results["cross_entropies_by_passes"] == pytest.approx(10 / 3)
    assert (results["speed_over_pytorch"] is not None) == HAS_PYTORCH
    shown = "\n".join(jem.lines(results))
    assert f"costs {results['cost_over_passes']:.2f}x its passes" in shown
    assert f"{results['cost_over_cross_entropy']:.1f}x an update" in shown
    assert ("as fast as PyTorch" in shown) == HAS_PYTORCH


def test_names_what_cannot_be_measured():
    done = run(f"{TINY} --bank_size 1")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "bank_size=1" in done.stderr and not done.stdout


def test_pytorch_makes_the_same_passes(monkeypatch):
    torch = pytest.importorskip("torch")
    from benchmarks import jem_pytorch
    from benchmarks.jem_pytorch import WideResNet, sampled

    model, rival = network(), WideResNet(10, 1)
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    modules = {"stem_conv": rival.stem, "logits": rival.logits}
    for index, block in enumerate(rival.blocks, start=1):
        name = f"group{index}_block1"
        modules |= {f"{name}_{i}_conv": getattr(block, f"conv_{i}") for i in (1, 2)}
        if f"{name}_shortcut" in layers:
            modules[f"{name}_shortcut"] = block.shortcut
    assert modules.keys() == layers.keys()
    for name, module in modules.items():
        kernel, bias = (torch.tensor(value) for value in layers[name].get_weights())
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        module.weight.data, module.bias.data = kernel.permute(axes), bias
    images = tf.random.stateless_uniform([3, 8, 8, 3], [1, 2], -1.0)
    theirs = torch.tensor(images.numpy().transpose(0, 3, 1, 2))
    seen = rival(theirs).detach()
    np.testing.assert_allclose(seen, model(images), rtol=1e-3, atol=1e-5)

    for module in (jem_tensorflow, jem_pytorch):
        monkeypatch.setattr(module, "DRIFT", 30.0)
    monkeypatch.setattr(jem_pytorch, "NOISE", 0.0)
    labels = tf.constant([0, 3, 9], tf.int64)
    moved, _ = passes(model, 2, 1)(images, labels, images)
    seen = sampled(rival, theirs, 2).detach().permute(0, 2, 3, 1)
    np.testing.assert_allclose(seen, moved, atol=1e-4)
