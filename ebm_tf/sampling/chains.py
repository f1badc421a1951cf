"""Where chains live between updates: in a bank, or nowhere."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf.config.parts import Persistent, Transient
from ebm_tf.protocols import Advance, Chains, ChainSource, InitializeFn, SampleFn
from ebm_tf.schedules import piecewise


class ChainState(NamedTuple):
    """What a chain source keeps.

    Attributes:
      bank: all chains of this replica; none for transient chains.
      num_updates: int64 scalar, calls so far; schedules are read at it.
    """

    bank: Chains
    num_updates: tf.Tensor


class ChainInfo(NamedTuple):
    """Diagnostics of an advance.

    Attributes:
      step: diagnostics of the last step of every chain.
      rejuvenated: float32 [n], 1 where the chain was begun anew.
    """

    step: tuple
    rejuvenated: tf.Tensor


def draw(bank: Chains, n: int, seed: tf.Tensor) -> tuple[Chains, tf.Tensor]:
    """Draws n distinct chains, uniformly; returns them and their slots int32 [n]."""
    # The places of the n largest of random numbers; XLA has no shuffle.
    _, slots = tf.math.top_k(tf.random.stateless_uniform(bank.ages.shape, seed), n)
    return Chains(*(tf.gather(field, slots) for field in bank)), slots


def put(bank: Chains, slots: tf.Tensor, chains: Chains) -> Chains:
    """The bank with chains written to the given slots."""

    def write(kept: tf.Tensor, moved: tf.Tensor) -> tf.Tensor:
        if kept.shape.num_elements() == 0:  # no latents: TensorFlow refuses to write
            return kept
        return tf.tensor_scatter_nd_update(kept, slots[:, None], moved)

    return Chains(*map(write, bank, chains))


def choose(mask: tf.Tensor, these: Chains, others: Chains) -> Chains:
    """Chains of `these` where the mask [n] is true, of `others` elsewhere."""

    def blend(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        # Not a weighted sum: a NaN that is not chosen must not spread.
        shape = [-1] + [1] * (first.shape.rank - 1)
        return tf.where(tf.reshape(mask, shape), first, second)

    return Chains(*map(blend, these, others))


def is_due(
    ages: tf.Tensor, probability: tf.Tensor, max_updates: int | None, seed: tf.Tensor
) -> tf.Tensor:
    """Which chains bool [n] are begun anew: by chance, or for their age."""
    due = tf.random.stateless_uniform(ages.shape, seed) < probability
    return due if max_updates is None else due | (ages > max_updates)


def persistent(settings: Persistent) -> ChainSource:
    """Chains that go on in a bank (Tieleman, 2008; Hill et al., 2022).

    Every visit draws chains from the bank, begins the due ones anew, runs burn-in
    steps on just those, samples all, and writes all back. The age of a chain is 0
    after the visit that began it and grows by one at every further visit.
    """

    def advance(
        state: ChainState,
        sample: SampleFn,
        initialize: InitializeFn,
        batch: int,
        seed: tf.Tensor,
    ) -> Advance:
        keys = tf.unstack(tf.random.split(seed, 5))
        kept, slots = draw(state.bank, batch, keys[0])
        probability = piecewise(settings.rejuvenation, state.num_updates, tf.float32)
        due = is_due(kept.ages, probability, settings.max_updates, keys[1])
        chains = choose(due, initialize(batch, keys[2]), kept)
        if settings.burn_in != 0:
            steps = piecewise(settings.burn_in, state.num_updates, tf.int32)
            images, _ = sample(chains.images, steps, keys[3])
            chains = choose(due, chains._replace(images=images), chains)
        steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
        images, info = sample(chains.images, steps, keys[4])
        ages = tf.where(due, 0, chains.ages + 1)
        chains = Chains(images, chains.latents, ages)
        state = ChainState(put(state.bank, slots, chains), state.num_updates + 1)
        return Advance(chains, state, ChainInfo(info, tf.cast(due, tf.float32)))

    return advance


def transient(settings: Transient) -> ChainSource:
    """Chains that are begun anew every time (Nijkamp et al., 2019)."""

    def advance(
        state: ChainState,
        sample: SampleFn,
        initialize: InitializeFn,
        batch: int,
        seed: tf.Tensor,
    ) -> Advance:
        keys = tf.unstack(tf.random.split(seed, 2))
        chains = initialize(batch, keys[0])
        steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
        images, info = sample(chains.images, steps, keys[1])
        state = ChainState(state.bank, state.num_updates + 1)
        begun = ChainInfo(info, tf.ones([batch]))
        return Advance(chains._replace(images=images), state, begun)

    return advance


def chain_source(settings: Persistent | Transient) -> ChainSource:
    """The chain source that the settings describe."""
    if isinstance(settings, Persistent):
        return persistent(settings)
    return transient(settings)


def num_bank_batches(
    settings: Persistent | Transient, num_replicas: int, replica_batch: int
) -> int:
    """Whole batches in the bank of one replica; 0 for transient chains."""
    if isinstance(settings, Transient):
        return 0
    return settings.bank_size // num_replicas // replica_batch
