"""One key per consumer."""

import itertools

import pytest

from ebm_tf.runtime import seeds
from ebm_tf.runtime.seeds import Purpose

SEEDS = (0, 1, 2**31 - 1)


def test_no_two_consumers_share_a_key():
    keys = {
        tuple(seeds.key(seed, purpose).numpy().tolist())
        for seed, purpose in itertools.product(SEEDS, Purpose)
    }
    assert len(keys) == len(SEEDS) * len(Purpose)


def test_no_two_consumers_share_an_integer():
    integers = {
        seeds.integer(seed, purpose)
        for seed, purpose in itertools.product(SEEDS, Purpose)
    }
    assert len(integers) == len(SEEDS) * len(Purpose)
    assert all(0 <= integer < 2**32 for integer in integers)


@pytest.mark.parametrize(
    ("seed", "key", "integer"),
    [
        (0, [-409271666, 3], 3964924996),
        (1, [-412061107, 3], 1189033389),
        (2**31 - 1, [-884153614, 3], 2994186132),
    ],
)
def test_the_same_seed_gives_the_same_keys_in_every_version(seed, key, integer):
    found = seeds.key(seed, Purpose.BANK)
    assert found.dtype == "int32" and found.numpy().tolist() == key
    assert seeds.integer(seed, Purpose.DATA) == integer
