"""The configs of classifiers say what was published, and build what they say."""

import dataclasses

import pytest

from ebm_tf.config import core
from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.objectives import Clean, Mart, Sat, Trades, WeatAdv, WeatNat
from ebm_tf.config.optimizers import OneCycle, Sgd
from tests.runs import ROOT, learn_here

CLASSIFIERS = {
    path.stem: config
    for path in sorted(ROOT.glob("configs/*.py"))
    if isinstance(config := core.load(str(path)), ClassifierTraining)
}
KL = Pgd(loss="kl", num_steps=10, step_size=2.0, start="normal")
# Mirza et al. (2024): data, classes, updates in an epoch of the whole split.
WEAT = {
    "cifar10_clean": (Clean(), None),
    "cifar10_sat": (
        Sat(),
        dataclasses.replace(KL, loss="cross_entropy", start="uniform"),
    ),
    "cifar10_trades": (Trades(beta=6.0), KL),
    "cifar10_weat_nat": (WeatNat(beta=6.0), KL),
    "cifar10_weat_adv": (WeatAdv(beta=6.0), KL),
    "cifar100_weat_adv": (WeatAdv(beta=6.0), KL),
    "svhn_weat_adv": (WeatAdv(beta=6.0), KL),
    "tiny_imagenet_weat_adv": (WeatAdv(beta=6.0), KL),
}
EPOCHS = {
    "cifar10": (391, 10, 32, True),
    "cifar100": (391, 100, 32, True),
    "svhn": (573, 10, 32, False),
    "tiny_imagenet": (782, 200, 64, True),
}


@pytest.mark.parametrize("name", WEAT)
def test_the_recipe_of_weat(name):
    config = CLASSIFIERS[name]
    assert (config.objective, config.attack) == WEAT[name]
    updates, classes, size, flip = EPOCHS[config.data.name]
    steps = 100 * updates
    assert config.num_updates == steps and config.batch == 128
    assert config.select_from == (91 * updates if config.attack else 0)
    assert config.validate_every == updates
    assert config.ball == Ball(norm="linf", epsilon=8.0)
    assert config.evaluation_attack == Pgd(num_steps=20, step_size=2.0)
    network = config.classifier
    assert (network.architecture, network.depth) == ("resnet", 18)
    assert network.num_classes == classes and config.data.image_size == size
    assert config.data.padding == 4 and config.data.flip == flip
    assert config.optimizer == Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=steps),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=steps),
        weight_decay=5e-4,
    )


def test_the_recipe_of_mart():
    config = CLASSIFIERS["cifar10_mart"]
    assert config.objective == Mart(beta=5.0)
    assert config.attack == dataclasses.replace(KL, loss="cross_entropy")
    epoch = 391
    rates = ((0.01, 0), (1e-3, 75 * epoch), (1e-4, 90 * epoch), (1e-5, 100 * epoch))
    assert config.optimizer == Sgd(
        learning_rate=rates, momentum=0.9, weight_decay=3.5e-3
    )
    assert config.num_updates == 120 * epoch and config.batch == 128


def test_the_recipe_of_the_classifier_that_an_ebm_defends():
    config = CLASSIFIERS["cifar10_wrn"]
    assert config.objective == Clean() and config.attack is None
    network = config.classifier
    assert (network.architecture, network.depth) == ("wide_resnet", 28)
    assert network.width == 10
    assert config.optimizer == Sgd(
        # The published boundaries switch at strictly greater steps.
        learning_rate=((0.1, 0), (0.01, 19_961), (0.001, 29_941)),
        momentum=0.9,
        weight_decay=5e-4,
    )
    assert (config.batch, config.num_updates) == (96, 49_900)
    assert config.data.padding == 4 and config.data.flip


def held_out(split: str) -> str:
    return split.removeprefix("train[:").removesuffix("]")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_selects_weights_is_neither_learned_from_nor_tested(name):
    config = CLASSIFIERS[name]
    end = held_out(config.data.split)
    if config.validation_split == "validation":  # published in parts
        learned_from = config.data.split.partition("[")[0]
        assert (learned_from, config.test_split) == ("train", "test")
    else:
        begin = config.validation_split.removeprefix("train[").partition(":")[0]
        assert begin == end or int(begin) > int(end)
    if config.data.name in ("digits", "folder"):  # one split, of which shares are taken
        last = config.validation_split.removesuffix("]").partition(":")[2]
        assert config.test_split == f"train[{last}:]"
    else:
        assert config.test_split in ("test", "validation")
    assert config.name == name
    if config.data.name in ("digits", "mnist", "svhn"):
        assert not config.data.flip


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in CLASSIFIERS if n.startswith("digits_")])
def test_configs_of_digits_start(name, tmp_path):
    config = dataclasses.replace(
        CLASSIFIERS[name],
        num_updates=2,
        validate_every=2,
        num_validation=20,
        num_test=20,
        evaluation_batch=20,
    )
    _, results = learn_here(config, tmp_path)
    assert results["num_updates"] == 2 and results["num_images"] == 20
