"""Some of the examples of a split, in file order."""

import numpy as np
import tensorflow as tf

from ebm_tf.data.ordering import Source


def positions_at_random(num_examples: int, num: int, seed: int) -> np.ndarray:
    """Different positions of a split, drawn evenly, in rising order.

    Args:
      num_examples: in the split.
      num: how many are drawn; all where there are no more.
      seed: not negative.

    Returns:
      int64 [min(num, num_examples)].
    """
    generator = np.random.default_rng(seed)
    count = min(num, num_examples)
    return np.sort(generator.choice(num_examples, count, replace=False))


def subset(source: Source, positions: np.ndarray) -> Source:
    """The examples of a source at rising positions, int64 [n].

    It is meant to be read in file order; what was not chosen is never decoded.
    """
    is_chosen = np.zeros(source.num_examples, bool)
    is_chosen[positions] = True

    def in_order() -> tf.data.Dataset:
        examples = tf.data.Dataset.zip(
            source.in_order(), tf.data.Dataset.from_tensor_slices(is_chosen)
        )
        kept = examples.filter(lambda example, chosen: chosen)
        return kept.map(lambda example, chosen: example).take(len(positions))

    return source._replace(num_examples=len(positions), in_order=in_order)
