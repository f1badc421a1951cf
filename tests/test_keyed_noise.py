"""Random numbers of many keys: the published words, and a normal distribution."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from ebm_tf import keyed_noise


def words(*values: int) -> tuple[tf.Tensor, tf.Tensor]:
    first, second = (tf.constant([value], tf.uint32) for value in values)
    return first, second


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_the_known_answers_of_threefry(key, counter, expected):
    mixed = keyed_noise.threefry(words(*key), words(*counter))
    assert tuple(int(word[0]) for word in mixed) == expected


def keys_of(n: int) -> tf.Tensor:
    return keyed_noise.fold_in(tf.constant([7, 1]), tf.range(n))


def test_a_row_depends_on_its_key_only():
    keys = keys_of(5)
    drawn = keyed_noise.normal(keys, tf.TensorShape([3, 3, 1]))
    assert drawn.shape == (5, 3, 3, 1)
    order = [4, 1, 3]
    some = keyed_noise.normal(tf.gather(keys, order), tf.TensorShape([3, 3, 1]))
    # A logarithm's last bit may change with the place in memory.
    np.testing.assert_allclose(some, drawn.numpy()[order], rtol=1e-5, atol=1e-6)
    rows = {row.tobytes() for row in drawn.numpy()}
    assert len(rows) == 5


def test_no_two_keys_that_are_made_are_one():
    keys = keys_of(4000)
    assert len(np.unique(keys, axis=0)) == 4000
    again = keyed_noise.fold_in(keys, 3)
    assert len(np.unique(np.concatenate([keys, again]), axis=0)) == 8000


def test_replicates_of_a_key_lie_side_by_side():
    keys = keys_of(3)
    spread = keyed_noise.replicate_keys(keys, tf.range(2, 6)).numpy()
    for image in range(3):
        for place, number in enumerate(range(2, 6)):
            expected = keyed_noise.fold_in(keys[image], number)
            np.testing.assert_array_equal(spread[4 * image + place], expected)


def test_the_numbers_are_normal_within_and_across_keys():
    drawn = keyed_noise.normal(keys_of(400), tf.TensorShape([101])).numpy()
    assert scipy.stats.kstest(drawn.ravel(), "norm").pvalue > 0.01
    assert abs(drawn.mean()) < 4 / np.sqrt(drawn.size)
    # Neither neighbours in a row nor the same place of neighbouring keys go together.
    for first, second in [
        (drawn[:, :-1], drawn[:, 1:]),
        (drawn[:-1], drawn[1:]),
        (drawn[:, :50], drawn[:, 51:]),
    ]:
        correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
        assert abs(correlation) < 4 / np.sqrt(first.size)


def test_xla_draws_the_same():
    def draw(keys: tf.Tensor) -> tf.Tensor:
        return keyed_noise.normal(keyed_noise.fold_in(keys, 5), tf.TensorShape([33]))

    compiled = tf.function(draw, jit_compile=True, autograph=False)
    keys = keys_of(20)
    np.testing.assert_allclose(compiled(keys), draw(keys), rtol=1e-5, atol=2e-6)
