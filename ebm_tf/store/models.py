"""Networks and the sources of their weights, as settings name them."""

import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras

from ebm_tf import energies
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.kinds import file_in, is_own
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.config.parts import Data, GeneratorNetwork
from ebm_tf.errors import ConfigError, UnnamedWeightsError, WeightsError
from ebm_tf.models.catalogue import build, in_inference
from ebm_tf.models.ebm import EbmModels, build_energy, marginal_energy
from ebm_tf.protocols import Classifier, Energy, Generator
from ebm_tf.runtime.files import exists, sha256_of
from ebm_tf.runtime.weight_files import read_weights
from ebm_tf.store import converted
from ebm_tf.store.sources import Source, find

# The roles of networks in experiments.
ENERGY, PRIOR, GENERATOR, CLASSIFIER = "energy", "prior", "generator", "classifier"
DISCRIMINATOR, MAPPER = "discriminator", "mapper"
# Those that measurements use; a discriminator is only learned on.
MEASURED = (ENERGY, PRIOR, GENERATOR, CLASSIFIER, MAPPER)


class NetworkSource(NamedTuple):
    """Where one network of an experiment comes from.

    Attributes:
      role: of the network in the experiment.
      settings: that it is built with: those of the run that learned it if it is a
        classifier or a network of one's own, else those of the experiment.
      source: of its weights; None for a network that comes with them.
      role_there: its role in the run of its weights.
      kind: of its weights there, as `Source.file` takes it.
    """

    role: str
    settings: Any
    source: Source | None
    role_there: str
    kind: str

    def file(self, step: int | None = None) -> str:
        """The weight file, of the newest weights or of those after some updates.

        Raises:
          WeightsError: if it is missing, or made for other settings.
        """
        if self.source is None:
            return self.settings.weights
        path = self.source.file(self.role_there, self.kind, step)
        self.source.require_settings(path, self.settings, self.role, self.role_there)
        return path

    def load(self, model: keras.Model, step: int | None = None) -> str:
        """Loads the weights into the network; returns their file.

        Raises:
          WeightsError: if they are missing, damaged or made for another network.
        """
        path = self.file(step)
        if self.source is not None:
            read_weights(model, path, self.role)
        return path

    def build(self, data: Data, dtype: str) -> keras.Model:
        """Builds the network for such images; call it in the strategy's scope."""
        make = build_energy if self.role in (ENERGY, PRIOR) else build
        return make(self.settings, data.image_size, data.channels, dtype)


def network_source(
    role: str, settings: Any, named: str, kind: str = "best"
) -> NetworkSource:
    """Where the weights of a network are in what names them; for errors see `find`.

    A network of one's own, FILE.py:function or FILE.keras, comes with its weights.
    """
    if is_own(named) and isinstance(settings, AnyNetwork):
        settings = dataclasses.replace(settings, weights=named)
        return NetworkSource(role, settings, None, role, kind)
    source = find(named)
    # A prior of its own weights was learned as an energy elsewhere.
    role_there = ENERGY if role == PRIOR and named == settings.weights else role
    if role_there == ENERGY and not source.has(ENERGY):
        loose = source.config is None and isinstance(settings, ClassifierNetwork)
        if loose or source.has(CLASSIFIER):  # whose marginal energy it is
            role_there, kind = CLASSIFIER, "best" if kind == "averaged" else kind
    return NetworkSource(role, settings, source, role_there, kind)


def brings_weights(settings: Any) -> bool:
    """Whether a network is one's own that comes with its weights."""
    return isinstance(settings, AnyNetwork) and settings.brings_weights


def _own_source(role: str, settings: Any) -> NetworkSource:
    """Where the weights are that the settings of a network name, or come with it."""
    if brings_weights(settings):
        return network_source(role, settings, settings.architecture)
    kind = "raw" if role == DISCRIMINATOR else "best"  # no averages of it are kept
    return network_source(role, settings, settings.weights, kind)


def load_initial(
    config: Any, models: Mapping[str, keras.Model], frozen: Collection[str] = ()
) -> Iterator[str]:
    """Loads the weights that networks begin with, and yields a line for each file.

    Args:
      config: has the settings of each network under the name of its role.
      models: get the weights, by role.
      frozen: roles of the networks that do not learn, so that they need weights.

    Raises:
      WeightsError: if weights do not fit, or are needed and not named.
    """
    for role, model in models.items():
        settings = getattr(config, role)
        if settings.weights or brings_weights(settings):
            yield f"Weights of the {role}: {_own_source(role, settings).load(model)}"
        elif role in frozen:
            raise UnnamedWeightsError(
                f"The {role} of {config.name} does not learn, so it needs weights: "
                f"--set {role}.weights=FILE_OR_RUN."
            )


def network_sources(
    config: Any,
    roles: Sequence[str],
    *,
    shared: str | Literal[False] | None = False,
    kind: str = "best",
) -> dict[str, NetworkSource]:
    """Where the networks of a measurement come from, by role.

    Args:
      config: has the settings of each network under the name of its role.
      roles: of the networks.
      shared: names the run of those whose own settings name no weights; False where
        each network's own settings have to.
      kind: of the weights of that run.

    Raises:
      UserError: if weights are not named or not there, if a run has no such network,
        or learned it from images of another shape.
    """
    found = {}
    for role in roles:
        settings = getattr(config, role)
        if isinstance(settings, PretrainedClassifier):
            found[role] = NetworkSource(role, settings, None, CLASSIFIER, "best")
            continue
        if settings.weights or (not shared and brings_weights(settings)):
            own = _own_source(role, settings)
        elif shared:
            own = network_source(role, settings, shared, kind)
            is_run = own.source is not None and not own.source.is_file
            if not is_run and len(roles) > 1:
                raise WeightsError(
                    f"Expected weights={shared} to be the folder of a run; a file goes "
                    f"to its network: --set {role}.weights=FILE."
                )
        else:
            option = f"{role}.weights" if shared is False else "weights"
            raise UnnamedWeightsError(
                f"The {role} of {config.name} needs weights: --set {option}=RUN, the "
                "folder of the run that learned it or release:NAME, or --set "
                f"{role}.weights=FILE."
            )
        found[role] = _as_learned(own, config.data)
    return found


def _as_learned(found: NetworkSource, data: Data) -> NetworkSource:
    """With the settings of its run where that learned a classifier, or one's own."""
    source = found.source
    # It raises where the run has no such network.
    learned = source and source.network(found.role_there)
    if source is None or not (
        isinstance(learned, ClassifierNetwork)
        or (isinstance(learned, AnyNetwork) and learned.is_own)
    ):
        return found
    there = learned_data(found)
    if isinstance(learned, GeneratorNetwork):
        _require_latents(found, learned)
    # It may end in a mean over space, so that its weights fit images of any size.
    if there and (data.image_size, data.channels) != (there.image_size, there.channels):
        raise ConfigError(
            f"{source.path} learned from images of {there.image_size} pixels and "
            f"{there.channels} channels, but data.image_size={data.image_size} and "
            f"data.channels={data.channels}."
        )
    return found._replace(settings=learned)


def _require_latents(found: NetworkSource, learned: GeneratorNetwork) -> None:
    """Checks that the latents that are drawn are those that a generator learned."""
    for name in ("latent_size", "num_classes"):
        here, there = (getattr(of, name) for of in (found.settings, learned))
        if here != there:
            raise ConfigError(
                f"The {found.role} learned with {name}={there}, but "
                f"{found.role}.{name}={here}: --set {found.role}.{name}={there}."
            )


def learned_data(found: NetworkSource) -> Data | None:
    """The images that a network was learned from, where its run is known."""
    return getattr(found.source and found.source.config, "data", None)


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
