"""Networks with their weights, of a run or of the settings of a measurement."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras

from ebm_tf import energies
from ebm_tf.config.kinds import file_in
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models.catalogue import in_inference
from ebm_tf.models.ebm import EbmModels, marginal_energy
from ebm_tf.protocols import Classifier, Energy, Generator
from ebm_tf.runtime.files import exists, sha256_of
from ebm_tf.store import converted
from ebm_tf.store.network_sources import (
    CLASSIFIER,
    ENERGY,
    GENERATOR,
    MEASURED,
    PRIOR,
    NetworkSource,
    learned_data,
    network_source,
    network_sources,
)
from ebm_tf.store.sources import Source, find


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedModel:
    """Networks that were built, and where their weights come from.

    Attributes:
      sources: of the weights, by role.
      networks: by role.
    """

    sources: Mapping[str, NetworkSource]
    networks: Mapping[str, keras.Model]

    def __or__(self, other: "LoadedModel") -> "LoadedModel":
        """All networks of both."""
        networks = {**self.networks, **other.networks}
        return LoadedModel({**self.sources, **other.sources}, networks)

    def files(self, step: int | None = None) -> dict[str, str]:
        """The weight files, the newest or those after some updates, by role.

        Raises:
          WeightsError: if one is missing, or made for other settings.
        """
        return {role: found.file(step) for role, found in self.sources.items()}

    def digests(self, *steps: int | None) -> dict[str, str]:
        """Hashes of the weight files, by what they are, for `inputs.require_same`.

        Args:
          *steps: updates that the weights had made; None for the newest.

        Raises:
          WeightsError: if one is missing, or made for other settings.
        """
        return {
            f"weights of the {role}" + (f" at {step}" if step else ""): (
                sha256_of(file) if exists(file) else file  # a name of Keras' own
            )
            for step in steps
            for role, path in self.files(step).items()
            for file in [file_in(path) or path]
        }

    def load(self, step: int | None = None) -> dict[str, str]:
        """Loads all weights, the newest or those after some updates.

        Returns:
          Their files, by role.

        Raises:
          WeightsError: if they are missing, damaged or made for other networks.
        """
        return {
            role: found.load(self.networks[role], step)
            for role, found in self.sources.items()
        }

    def name_of(self, role: str) -> str:
        """What a network is called: as the run that learned it, or as its file."""
        found = self.sources[role]
        if found.source is None:  # one of Keras, or of one's own
            named = getattr(found.settings, "name", None)
            return named or os.path.basename(found.settings.architecture)
        learned = found.source.config
        return learned.name if learned else os.path.basename(found.source.path)

    @property
    def classifier(self) -> Classifier:
        """Images -> logits.

        Raises:
          ConfigError: if there is no classifier.
        """
        return in_inference(self._network(CLASSIFIER))

    @property
    def generator(self) -> Generator:
        """Latents -> images.

        Raises:
          ConfigError: if there is no generator.
        """
        return in_inference(self._network(GENERATOR))

    @property
    def data(self) -> Data | None:
        """The images that the networks were learned from, where a run is known."""
        return next(filter(None, map(learned_data, self.sources.values())), None)

    @property
    def energy(self) -> Energy:
        """Images -> energies: of its energy, else the marginal ones of its classifier.

        A prior is not part of it; `ebm` has both.

        Raises:
          ConfigError: if there is neither.
        """
        if ENERGY in self.networks:
            return energies.network(self.networks[ENERGY])
        return energies.network(marginal_energy(self._network(CLASSIFIER)))

    @property
    def config(self) -> Any:
        """The experiment that learned the networks; None where no run is known."""
        found = self.sources.values()
        configs = (one.source.config for one in found if one.source is not None)
        return next(filter(None, configs), None)

    @property
    def ebm(self) -> EbmModels:
        """What chains need: an energy, and a prior and a generator where there are."""
        return EbmModels(
            self.networks.get(ENERGY),
            self.networks.get(GENERATOR),
            self.networks.get(PRIOR),
        )

    def _network(self, role: str) -> keras.Model:
        if role not in self.networks:
            raise ConfigError(f"Expected a model with a {role}.")
        return self.networks[role]


def use_of(found: Source) -> Any:
    """The experiment that learned networks, or of converted ones their use.

    Raises:
      UserError: if it cannot be read, or several networks were converted.
    """
    return found.config or converted.use_of(found)


def load(source: str, dtype: str = "float32") -> LoadedModel:
    """Opens all networks that a run holds, with their best weights.

    Call it in the strategy's scope.

    Args:
      source: a run folder, ``release:NAME``, a weight file that lies in a run, or
        either as `tools/convert_weights.py` wrote it.
      dtype: "float32" or "bfloat16", in which the networks compute.

    Raises:
      WeightsError: if there is no run, or its weights are missing or damaged.
    """
    found = find(source)
    config = use_of(found)
    data = getattr(config, "data", None)
    name = os.path.basename(found.path) if found.is_file else None
    sources = {
        role: network_source(role, getattr(config, role), source)
        for role in MEASURED
        if (found.has(role) if found.config else getattr(config, role, None))
        and (name is None or name.startswith(role))
    }
    if not sources or data is None:
        raise WeightsError(f"Expected {source} to be of a run that learned a network.")
    networks = {role: part.build(data, dtype) for role, part in sources.items()}
    model = LoadedModel(sources, networks)
    model.load()
    return model


def open_model(
    config: Any,
    roles: Sequence[str],
    *,
    shared: str | Literal[False] | None = False,
    kind: str = "best",
) -> LoadedModel:
    """Finds and builds the networks of a measurement; their weights load later.

    Call it in the strategy's scope; for the arguments and errors see
    `network_sources`.
    """
    sources = network_sources(config, roles, shared=shared, kind=kind)
    dtype = config.compute_dtype
    networks = {
        role: found.build(config.data, dtype) for role, found in sources.items()
    }
    return LoadedModel(sources, networks)
