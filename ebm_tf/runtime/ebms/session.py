"""An experiment that learns an energy-based model, on its devices."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from ebm_tf.config.chains import BurnIn
from ebm_tf.config.ebm import EbmLearning
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import num_batches
from ebm_tf.data.sources import Source
from ebm_tf.learning import ebm_networks
from ebm_tf.learning.ebm import EbmBatch, make_step
from ebm_tf.learning.ebm_networks import EbmNetworks
from ebm_tf.models.ebm import EbmModels, image_shape
from ebm_tf.protocols import Chains
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import (
    Replicas,
    distributed,
    joined,
    local,
    make_replicas,
    on_each,
    replicated,
)
from ebm_tf.runtime.loop import Task
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.chains import (
    BankSizes,
    ChainState,
    bank_sizes,
    chain_source,
)
from ebm_tf.store.sources import load_named_weights


@dataclasses.dataclass(frozen=True)
class EbmSession:
    """The networks, the data and the devices of an experiment.

    Attributes:
      config: the experiment.
      replicas: its devices.
      networks: on all of them.
      source: where data comes from; None where a generator makes it.
    """

    config: EbmLearning
    replicas: Replicas
    networks: EbmNetworks
    source: Source | None

    @property
    def replica_batch(self) -> int:
        """Images and chains per update and replica."""
        return self.replicas.batch_of_each(self.config.batch)

    @property
    def bank_sizes(self) -> BankSizes:
        """Chains in the banks of a replica."""
        return bank_sizes(self.config.chains, self.replicas.count, self.replica_batch)

    def bank_bytes(self, num_chains: int) -> int:
        """What a bank holds in memory."""
        return num_chains * self.learning_chains.chain_bytes

    def load_weights(self) -> Iterator[str]:
        """Loads the weights that the config names, and says which files they are.

        Raises:
          WeightsError: if they do not fit, or a network that stays as it is has none.
        """
        roles = self.networks.models.by_role
        settings = {role: getattr(self.config, role) for role in roles}
        frozen = set(self.networks.frozen)
        yield from load_named_weights(roles, settings, frozen, self.config.name)

    @functools.cached_property
    def learning_chains(self) -> EbmSampling:
        """The chains that learning uses, of the weights of now."""
        return self._sampling(self.networks.models)

    @functools.cached_property
    def averages(self) -> dict[str, Callable[[], keras.Model]]:
        """What gives the averaged weights of now, for each role that learns."""
        key = seeds.key(self.config.seed, Purpose.STATISTICS)
        return ebm_networks.averages(self.config, self.networks, key)

    @property
    def fresh_chains(self) -> EbmSampling:
        """Chains of the averaged weights of now."""
        means = {role: average() for role, average in self.averages.items()}
        return self._sampling(self.networks.models._replace(**means))

    def _sampling(self, models: EbmModels) -> EbmSampling:
        chains = self.config.chains
        return EbmSampling(
            config=self.config,
            replicas=self.replicas,
            models=models,
            source=self.source,
            start=chains.start,
            noise_scale=chains.noise_scale,
            batch=self.config.batch,
            keep_latents=not isinstance(chains, BurnIn),
        )

    def task(self) -> Task:
        """What the loop runs."""
        config, networks = self.config, self.networks
        step = make_step(
            networks.learned["energy"],
            chain_source(config.chains),
            self.learning_chains.sample,
            initializer=self.learning_chains.initializer,
            positives=ebm_networks.positives(
                config, networks.models.generator, self.replica_batch
            ),
            temperature=config.temperature,
            data_epsilon=config.data_epsilon,
            update_generator=ebm_networks.generator_update(config, networks),
        )
        empty = self.learning_chains.no_chains
        return Task(
            step=replicated(self.replicas, step),
            initial_state=self.initial_state,
            state_structure=ChainState(empty, tf.zeros([]), empty),
            batches=self._batches,
            modules=networks.modules,
            rates=[network.rate for network in networks.learned.values()],
            num_dimensions=math.prod(image_shape(config)),
        )

    def initial_state(self) -> ChainState:
        """The banks before the first update."""
        sizes = self.bank_sizes
        banks = self._begun(sizes.bank, Purpose.BANK)
        burn_in = self._begun(sizes.burn_in, Purpose.BURN_IN)
        count = tf.constant(0, tf.int64)
        states = [
            ChainState(bank, count, young)
            for bank, young in zip(banks, burn_in, strict=True)
        ]
        return distributed(self.replicas, states)

    def _begun(self, num_chains: int, purpose: Purpose) -> list[Chains]:
        """A bank of each replica of this process, begun in pieces of one batch."""
        chains = self.learning_chains
        begin = on_each(self.replicas, chains.begin)
        count = num_chains // self.replica_batch
        pieces = (
            local(self.replicas, begin(starts, seed))
            for starts, seed in chains.draws(purpose, count)
        )
        return joined(pieces, count) or [chains.no_chains] * self.replicas.num_local

    def _batches(self, start: int) -> Iterator[EbmBatch]:
        chains = self.learning_chains
        data = None if self.source is None else chains.stream(Purpose.DATA, start)
        return ebm_networks.ebm_batches(data, chains.starts(Purpose.STARTS, start))


def open_session(config: EbmLearning) -> EbmSession:
    """Builds the networks on the devices and opens the data.

    Raises:
      UserError: if a device or a dataset is missing.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.batch)
    source = None if config.data.name == "generator" else open_source(config.data)
    if source is not None:
        num_batches(source, config.batch)  # raises where there is none
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        networks = ebm_networks.build_networks(config)
    return EbmSession(config, replicas, networks, source)
