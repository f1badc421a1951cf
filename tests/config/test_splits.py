import itertools

import pytest

from ebm_tf.config.splits import overlap


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train", "test"),
        ("train[:100]", "train[100:]"),
        ("train[:100]", "train[100:120]"),
        ("train[:-100]", "train[-100:]"),
        ("train[:90%]", "train[90%:]"),
        ("train[:100]", "test[:100]"),
    ],
)
def test_splits_that_are_apart(first, second):
    assert not overlap(first, second) and not overlap(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train", "train"),
        ("train", "train[5:]"),
        ("train", "train[-5:]"),
        ("train", "train[:5%]"),
        ("train[:101]", "train[100:]"),
        ("train[:1400]", "train[1300:1500]"),
        ("train[:-99]", "train[-100:]"),
        ("train[:91%]", "train[90%:]"),
    ],
)
def test_splits_that_share_images(first, second):
    assert overlap(first, second) and overlap(second, first)


def test_counts_agree_with_sets_of_positions():
    bounds = ["", "0", "2", "5", "9"]
    splits = [f"train[{a}:{b}]" for a, b in itertools.product(bounds, bounds)]

    def positions(split: str) -> set[int]:
        a, b = split[6:-1].split(":")
        return set(range(20)[slice(int(a) if a else None, int(b) if b else None)])

    for first, second in itertools.product(splits, splits):
        assert overlap(first, second) == bool(positions(first) & positions(second))


def test_what_cannot_be_told_is_let_pass():
    assert not overlap("train[:100]", "train[-50:]")
    assert not overlap("train+test", "test")
