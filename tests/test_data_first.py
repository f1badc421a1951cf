"""What is wrong with data is told before anything is learned, and after the rest."""

import functools

import pytest

from ebm_tf.data.arrays import digits, source_of
from ebm_tf.data.datasets import DATASETS
from tests.runs import ROOT, run_here


@pytest.fixture
def late_label(monkeypatch):
    """Digits, of which one late image has a label that is none of ten classes."""

    def wrong(split, directory):
        images, labels = digits(split, directory)
        labels[1100] = 10
        return images, labels

    opening = functools.partial(source_of, wrong, "wrong", origin="here")
    monkeypatch.setitem(DATASETS, "wrong", opening)


@pytest.mark.usefixtures("late_label")
@pytest.mark.parametrize(
    ("executable", "name", "changes"),
    [
        ("train_clf", "digits_weat_adv", []),
        ("train_jem", "digits_jem", []),
        (
            "train_gen",
            "digits_sngan",
            ["generator.num_classes=10", "data.split=train[:1200]"],
        ),
    ],
)
def test_a_late_label_that_is_no_class_is_told_before_learning(
    executable, name, changes, tmp_path
):
    changed = [word for c in ("data.name=wrong", *changes) for word in ("--set", c)]
    config = ROOT / "configs" / f"{name}.py"
    done = run_here(config, "--output", tmp_path, *changed, executable=executable)
    assert done.code == 2
    assert "of dataset wrong has labels 0 to 10, but" in done.err
    assert "num_classes=10" in done.err and len(done.err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.npz"))  # nothing was begun


DRY = [
    ("train", "configs/digits_nonconv", ["energy: sngan_energy_8, 35,472", "bank"]),
    ("train_longrun", "configs/digits_conv", ["prior: sngan_energy_8", "burn_in:"]),
    ("train_dsm", "configs/digits_dsm", ["energy: sngan_energy_8"]),
    ("train_gen", "configs/digits_sngan", ["discriminator: sngan_discriminator"]),
    ("train_clf", "configs/digits_weat_adv", ["classifier: small_cnn_4_16, 61,402"]),
    ("train_jem", "configs/digits_jem", ["classifier: small_cnn", "bank: 2,000"]),
    ("fid", "configs_fid/digits_shortrun", ["energy: sngan", "chains:"]),
    ("compare", "configs_fid/digits_life", ["0_digits_nonconv: energy: sngan"]),
    ("attack", "configs_attack/digits_classifier", ["classifier:", "attacks: pgd"]),
    ("attack", "configs_attack/digits", ["energy:", "defence: 100 Langevin"]),
    ("analyze", "configs/digits_analysis", ["classifier: small_cnn", "noise: 0"]),
]


@pytest.mark.parametrize(
    ("executable", "config", "told"), DRY, ids=[case[1] for case in DRY]
)
def test_a_dry_run_without_the_data_tells_all_the_rest(
    executable, config, told, tmp_path
):
    words = ["--set", "data.name=celeb_a", "--data_dir", tmp_path]
    path = ROOT / f"{config}.py"
    done = run_here(path, *words, "--dry_run", executable=executable)
    assert done.code == 2
    assert done.err.startswith("error: Dataset celeb_a is not prepared under")
    assert len(done.err.splitlines()) == 1
    lines = done.out.splitlines()
    for part in told:
        assert any(line.startswith(part) for line in lines), (part, done.out)
    if executable.startswith("train"):
        assert any(line.startswith("replicas: 2, each a batch") for line in lines)
