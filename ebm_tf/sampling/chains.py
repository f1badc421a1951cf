"""Where chains live between updates: in a replay buffer, or nowhere.

The replay buffer is what Hill et al. (2022) call a bank, and to reinitialise a chain is
their rejuvenation; settings keep these names.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf.config.chains import BurnIn, Hygiene, Persistent, Transient
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

    def updated(self, **banks: Chains) -> "ChainState":
        """The state after one more call."""
        return self._replace(num_updates=self.num_updates + 1, **banks)


class BankSizes(NamedTuple):
    """Chains in the replay buffers of one replica."""

    bank: int
    burn_in: int


class ChainInfo(NamedTuple):
    """Diagnostics of an advance.

    Attributes:
      step: diagnostics of the last step of every chain.
      reinitialised: float32 [n], 1 where a new chain took the place of the drawn one.
      healthy: float32 [n], 1 where the chain went back to the buffer as it is, 0 where
        a new one will go on in its place; () without hygiene.
    """

    step: Any
    reinitialised: tf.Tensor
    healthy: Any = ()


def no_chains() -> Chains:
    """An empty replay buffer."""
    return Chains(tf.zeros([0]), tf.zeros([0]), tf.zeros([0], tf.int32))


def draw(bank: Chains, n: int, seed: tf.Tensor) -> tuple[Chains, tf.Tensor]:
    """Draws n distinct chains, uniformly; returns them and their slots int32 [n]."""
    # The places of the n largest of random numbers; XLA has no shuffle.
    _, slots = tf.math.top_k(tf.random.stateless_uniform(bank.ages.shape, seed), n)
    return tf.nest.map_structure(lambda leaf: tf.gather(leaf, slots), bank), slots


def put(bank: Chains, slots: tf.Tensor, chains: Chains) -> Chains:
    """The replay buffer with chains written to the given slots."""

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
    """Which chains bool [n] are reinitialised: by chance, or for their age."""
    due = tf.random.stateless_uniform(ages.shape, seed) < probability
    return due if max_updates is None else due | (ages > max_updates)


def is_healthy(settings: Hygiene, images: tf.Tensor, energies: tf.Tensor) -> tf.Tensor:
    """Which chains bool [n] may go on.

    Args:
      settings: the bounds.
      images: [n, H, W, C].
      energies: [n], of the images or of those a step before.
    """
    axes = list(range(1, images.shape.rank))
    finite = tf.math.is_finite(energies)
    healthy = finite & tf.reduce_all(tf.math.is_finite(images), axes)
    if settings.max_pixel is not None:
        inside = tf.abs(images) <= settings.max_pixel
        healthy &= tf.reduce_all(inside, axes)
    if settings.max_energy_deviation is not None:
        center = _median(energies, finite)
        distances = tf.abs(energies - center)
        # Of a normal density 1.4826 median distances are the standard deviation. The
        # floor, beyond roundings, is for energies most of which are equal.
        deviation = 1.4826 * _median(distances, finite) + 1e-6 * (1 + tf.abs(center))
        healthy &= distances <= settings.max_energy_deviation * deviation
    return healthy


def _median(values: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """The median of the valid ones of values [n]; infinite where there are none."""
    values = tf.sort(tf.where(valid, values, np.inf))  # the valid ones first
    count = tf.reduce_sum(tf.cast(valid, tf.int32))
    middle = tf.stack([tf.maximum(count - 1, 0) // 2, count // 2])
    return tf.reduce_sum(0.5 * tf.gather(values, middle))


def persistent(
    settings: Persistent,
    state: ChainState,
    sample: SampleFn,
    initialize: InitializeFn,
    batch: int,
    seed: tf.Tensor,
) -> Advance:
    """Chains that go on in a replay buffer (Tieleman, 2008; Hill et al., 2022).

    Every visit draws chains from the buffer, reinitialises the due ones, moves those by
    burn-in steps, samples all, and writes all back. Burn-in steps are computed for the
    whole batch, whose shape is compiled, unless no chain is due. The age of a chain is
    0 after its first visit and grows by one at every further visit.

    With hygiene, chains that are unhealthy after it are replaced in the buffer, not
    among those returned, by new ones of age 0. They are judged by their images and by
    the energies of the last step's info, which are those of the images before it.
    """
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
    found = ChainInfo(info, tf.cast(due, tf.float32))
    kept = chains
    if settings.hygiene is not None:
        healthy = is_healthy(settings.hygiene, chains.images, info.energy)
        fresh = initialize(batch, tf.random.fold_in(seed, len(keys)))
        kept = choose(healthy, chains, fresh)
        found = found._replace(healthy=tf.cast(healthy, tf.float32))
    state = state.updated(bank=put(state.bank, slots, kept))
    return Advance(chains, state, found)


def transient(
    settings: Transient,
    state: ChainState,
    sample: SampleFn,
    initialize: InitializeFn,
    batch: int,
    seed: tf.Tensor,
) -> Advance:
    """Chains that are new at every visit (Nijkamp et al., 2019)."""
    keys = tf.unstack(tf.random.split(seed, 2))
    steps = piecewise(settings.num_steps, state.num_updates, tf.int32)
    chains, info = sample(initialize(batch, keys[0]), steps, keys[1])
    return Advance(chains, state.updated(), ChainInfo(info, tf.ones([batch])))


def burning_in(
    settings: BurnIn,
    state: ChainState,
    sample: SampleFn,
    initialize: InitializeFn,
    batch: int,
    seed: tf.Tensor,
) -> Advance:
    """Chains that count for learning once they are old (Hill et al., 2022, sec. 3.4).

    Every visit draws and samples young chains and, apart from them, chains of the
    buffer that learning uses. Then young chains of full age take the places of just
    as many of the drawn chains of that buffer, and new ones theirs.
    """

    def visited(drawn: Chains, schedule: Any, key: tf.Tensor) -> tuple[Chains, Any]:
        steps = piecewise(schedule, state.num_updates, tf.int32)
        chains, info = sample(drawn, steps, key)
        return chains._replace(ages=chains.ages + 1), info

    keys = tf.unstack(tf.random.split(seed, 6))
    full_age = piecewise(settings.burn_in_visits, state.num_updates, tf.int32)
    ages = _spread_when_new(state.burn_in.ages, settings, state.num_updates, keys[0])
    burn_in = state.burn_in._replace(ages=ages)
    young, young_slots = draw(burn_in, batch, keys[1])
    grown = young.ages >= full_age
    young, _ = visited(young, settings.burn_in_steps, keys[2])
    kept, slots = draw(state.bank, batch, keys[3])
    chains, info = visited(kept, settings.num_steps, keys[4])
    fresh = initialize(batch, keys[5])
    state = state.updated(
        bank=put(state.bank, slots, choose(grown, young, chains)),
        burn_in=put(burn_in, young_slots, choose(grown, fresh, young)),
    )
    return Advance(chains, state, ChainInfo(info, tf.cast(grown, tf.float32)))


def _spread_when_new(
    ages: tf.Tensor, settings: BurnIn, num_updates: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """New ages from 0 to full age where that has just changed, else as they are.

    Spread evenly, they let chains through at a steady pace from the beginning.
    """
    full_age = piecewise(settings.burn_in_visits, num_updates, tf.int32)
    last_update = tf.maximum(num_updates - 1, 0)
    before = piecewise(settings.burn_in_visits, last_update, tf.int32)
    spread = tf.random.stateless_uniform(
        ages.shape, seed, maxval=full_age, dtype=tf.int32
    )
    return tf.where((num_updates == 0) | (full_age != before), spread, ages)


SOURCES = {Persistent: persistent, Transient: transient, BurnIn: burning_in}


def chain_source(settings: Persistent | Transient | BurnIn) -> ChainSource:
    """The chain source that the type of the settings names."""
    return functools.partial(SOURCES[type(settings)], settings)


def bank_sizes(
    settings: Persistent | Transient | BurnIn, num_replicas: int, replica_batch: int
) -> BankSizes:
    """Chains in the buffers of one replica, rounded down to whole batches."""
    sizes = (getattr(settings, name, 0) for name in ("bank_size", "burn_in_size"))
    return BankSizes(
        *(size // num_replicas // replica_batch * replica_batch for size in sizes)
    )
