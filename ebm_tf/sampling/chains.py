"""Where chains live between updates: in a bank, or nowhere."""

from typing import NamedTuple

import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Persistent, Transient
from ebm_tf.protocols import Advance, Chains, ChainSource, InitializeFn, SampleFn
from ebm_tf.schedules import piecewise


class ChainState(NamedTuple):
    """What a chain source keeps.

    Attributes:
      bank: the chains of this replica that learning uses; none if transient.
      num_updates: int64 scalar, calls so far; schedules are read at it.
      burn_in: the young chains of this replica; none without burn-in.
    """

    bank: Chains
    num_updates: tf.Tensor
    burn_in: Chains


class BankSizes(NamedTuple):
    """Chains in the banks of one replica."""

    bank: int
    burn_in: int


class ChainInfo(NamedTuple):
    """Diagnostics of an advance.

    Attributes:
      step: diagnostics of the last step of every chain.
      rejuvenated: float32 [n], 1 where the chain was begun anew.
    """

    step: tuple
    rejuvenated: tf.Tensor


def no_chains() -> Chains:
    """An empty bank."""
    return Chains(tf.zeros([0]), tf.zeros([0]), tf.zeros([0], tf.int32))


def draw(bank: Chains, n: int, seed: tf.Tensor) -> tuple[Chains, tf.Tensor]:
    """Draws n distinct chains, uniformly; returns them and their slots int32 [n]."""
    # The places of the n largest of random numbers; XLA has no shuffle.
    _, slots = tf.math.top_k(tf.random.stateless_uniform(bank.ages.shape, seed), n)
    return tf.nest.map_structure(lambda leaf: tf.gather(leaf, slots), bank), slots


def put(bank: Chains, slots: tf.Tensor, chains: Chains) -> Chains:
    """The bank with chains written to the given slots."""

    def write(kept: tf.Tensor, moved: tf.Tensor) -> tf.Tensor:
        if kept.shape.num_elements() == 0:  # no latents: TensorFlow refuses to write
            return kept
        return tf.tensor_scatter_nd_update(kept, slots[:, None], moved)

    return tf.nest.map_structure(write, bank, chains)


def choose(mask: tf.Tensor, these: Chains, others: Chains) -> Chains:
    """Chains of `these` where the mask [n] is true, of `others` elsewhere."""

    def blend(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        # Not a weighted sum: a NaN that is not chosen must not spread.
        shape = [-1] + [1] * (first.shape.rank - 1)
        return tf.where(tf.reshape(mask, shape), first, second)

    return tf.nest.map_structure(blend, these, others)


def is_due(
    ages: tf.Tensor, probability: tf.Tensor, max_updates: int | None, seed: tf.Tensor
) -> tf.Tensor:
    """Which chains bool [n] are begun anew: by chance, or for their age."""
    due = tf.random.stateless_uniform(ages.shape, seed) < probability
    return due if max_updates is None else due | (ages > max_updates)


def persistent(settings: Persistent) -> ChainSource:
    """Chains that go on in a bank (Tieleman, 2008; Hill et al., 2022).

    Every visit draws chains from the bank, begins the due ones anew, moves those by
    burn-in steps, samples all, and writes all back. Burn-in steps are computed for the
    whole batch, whose shape is compiled, unless no chain is due. The age of a chain is
    0 after the visit that began it and grows by one at every further visit.
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
            steps = tf.where(tf.reduce_any(due), steps, 0)
            chains = choose(due, sample(chains, steps, keys[3])[0], chains)
        steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
        chains, info = sample(chains, steps, keys[4])
        chains = chains._replace(ages=tf.where(due, 0, chains.ages + 1))
        state = _moved_on(state, bank=put(state.bank, slots, chains))
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
        steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
        chains, info = sample(initialize(batch, keys[0]), steps, keys[1])
        return Advance(chains, _moved_on(state), ChainInfo(info, tf.ones([batch])))

    return advance


def burning_in(settings: BurnIn) -> ChainSource:
    """Chains that count for learning once they are old (Hill et al., 2022, sec. 3.4).

    Every visit draws and samples young chains and, apart from them, chains of the
    bank, which learning uses. Then young chains of full age take the places of just
    as many of the drawn chains of the bank, and new ones theirs.
    """

    def advance(
        state: ChainState,
        sample: SampleFn,
        initialize: InitializeFn,
        batch: int,
        seed: tf.Tensor,
    ) -> Advance:
        keys = tf.unstack(tf.random.split(seed, 6))
        full_age = piecewise(settings.burn_in_visits, state.num_updates, tf.int32)
        burn_in = state.burn_in
        burn_in = burn_in._replace(
            ages=_spread_when_new(burn_in.ages, settings, state.num_updates, keys[0])
        )
        young, young_slots = draw(burn_in, batch, keys[1])
        grown = young.ages >= full_age
        steps = piecewise(settings.burn_in_steps, state.num_updates, tf.int32)
        young = _visited(sample(young, steps, keys[2])[0])
        kept, slots = draw(state.bank, batch, keys[3])
        steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
        chains, info = sample(kept, steps, keys[4])
        chains = _visited(chains)
        fresh = initialize(batch, keys[5])
        state = _moved_on(
            state,
            bank=put(state.bank, slots, choose(grown, young, chains)),
            burn_in=put(burn_in, young_slots, choose(grown, fresh, young)),
        )
        return Advance(chains, state, ChainInfo(info, tf.cast(grown, tf.float32)))

    return advance


def _spread_when_new(
    ages: tf.Tensor, settings: BurnIn, num_updates: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Ages anew from 0 to full age where that has just changed, else as they are.

    Spread evenly, they let chains through at a steady pace from the beginning.
    """
    full_age = piecewise(settings.burn_in_visits, num_updates, tf.int32)
    last_update = tf.maximum(num_updates - 1, 0)
    before = piecewise(settings.burn_in_visits, last_update, tf.int32)
    changed = tf.logical_or(num_updates == 0, full_age != before)
    spread = tf.random.stateless_uniform(
        ages.shape, seed, maxval=full_age, dtype=tf.int32
    )
    return tf.where(changed, spread, ages)


def _visited(chains: Chains) -> Chains:
    return chains._replace(ages=chains.ages + 1)


def _moved_on(state: ChainState, **banks: Chains) -> ChainState:
    return state._replace(num_updates=state.num_updates + 1, **banks)


def chain_source(settings: Persistent | Transient | BurnIn) -> ChainSource:
    """The chain source that the settings describe."""
    if isinstance(settings, Persistent):
        return persistent(settings)
    if isinstance(settings, BurnIn):
        return burning_in(settings)
    return transient(settings)


def bank_sizes(
    settings: Persistent | Transient | BurnIn, num_replicas: int, replica_batch: int
) -> BankSizes:
    """Chains in the banks of one replica, rounded down to whole batches."""

    def rounded(size: int) -> int:
        return size // num_replicas // replica_batch * replica_batch

    return BankSizes(
        rounded(getattr(settings, "bank_size", 0)),
        rounded(getattr(settings, "burn_in_size", 0)),
    )
