import itertools

import pytest

from ebm_tf.config.splits import named_parts, overlap, range_of
from ebm_tf.errors import ConfigError


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train", "test"),
        ("train[:100]", "train[100:]"),
        ("train[:100]", "train[100:120]"),
        ("train[:-100]", "train[-100:]"),
        ("train[:90%]", "train[90%:]"),
        ("train[:90%]", "train[-10%:]"),
        ("train[10:50%]", "train[:10%]"),
        ("train[:100]", "test[:100]"),
        ("train[:2shard]", "test"),
        ("train[:100] + test[:10]", "validation+train[100:]"),
        ("train[5:2]", "train"),
    ],
)
def test_splits_that_are_apart(first, second):
    assert overlap(first, second) is overlap(second, first) is False


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
        ("train[:91%]", "train[-10%:]"),
        ("train[:50%]", "train[:100]"),
        ("train[50%:]", "train[-100:]"),
        ("train[50%:]", "train[100:]"),
        ("train", "train+test"),
        ("train", "test + train[:1_000]"),
        ("train[:10]+test", "train[50:]+test[-1:]"),
        ("train", "all"),
        ("all", "test[:50%]"),
    ],
)
def test_splits_that_share_images(first, second):
    assert overlap(first, second) is overlap(second, first) is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train[:100]", "train[-50:]"),
        ("train[:90%]", "train[50000:]"),
        ("train[:2shard]", "train"),
        ("train[:90%]+test", "train[50000:]"),
        ("[:5]", "train"),
    ],
)
def test_what_only_the_size_can_tell(first, second):
    assert overlap(first, second) is overlap(second, first) is None


def positions(split: str, size: int) -> set[int]:
    """What TFDS reads of a split of this size; percents are whole images."""

    def position(bound: str) -> int | None:
        if not bound:
            return None
        if "%" in split:
            return int(bound.rstrip("%")) * size // 100
        return int(bound)

    first, last = (position(bound) for bound in split[6:-1].split(":"))
    return set(range(size)[slice(first, last)])


def test_verdicts_agree_with_sets_of_positions_of_any_size():
    counts = ["", "0", "2", "5", "9", "-1", "-3", "-8"]
    percents = ["", "0%", "10%", "50%", "90%", "-40%"]
    pairs = {*itertools.product(counts, counts), *itertools.product(percents, percents)}
    splits = [f"train[{first}:{last}]" for first, last in pairs]
    for first, second in itertools.product(splits, splits):
        found = set()
        for size in (10, 20, 1000):
            parts = positions(first, size), positions(second, size)
            if all(parts):
                found.add(bool(parts[0] & parts[1]))
        verdict = overlap(first, second)
        assert verdict is None or found <= {verdict}, (first, second, verdict, found)
        if "-" not in first + second and "%" not in first + second:
            assert found <= {verdict}, "counts from the front can be told"


@pytest.mark.parametrize(
    "cuts", [("10%",), ("33%", "67%"), ("3", "-2"), ("50%", "99%")]
)
@pytest.mark.parametrize("size", [5, 10, 99, 1000, 1_281_167])
def test_shares_are_disjoint_and_complete(cuts, size):
    bounds = ["", *cuts, ""]
    ranges = [range_of(f"{a}:{b}", size) for a, b in itertools.pairwise(bounds)]
    assert list(itertools.chain(*ranges)) == list(range(size))


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, range(10)),
        (":3", range(3)),
        ("-3:", range(7, 10)),
        ("20%:50%", range(2, 5)),
        ("-10%:", range(9, 10)),
        (":99", range(10)),
        (":-99", range(0)),
        ("8:2", range(0)),
    ],
)
def test_ranges_of_ten(selector, expected):
    assert list(range_of(selector, 10)) == list(expected)


@pytest.mark.parametrize("split", ["train[", "[:10]", "", "train[:10]]", "train+"])
def test_parts_that_cannot_be_read(split):
    with pytest.raises(ConfigError):
        for _, selector in named_parts(split):
            range_of(selector, 10)


def test_parts_of_a_sum():
    assert named_parts("train[:10%] + test") == [("train", ":10%"), ("test", None)]
