"""Where the networks of an experiment come from, as its settings name them."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import keras

from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.kinds import is_own
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.config.parts import Data, GeneratorNetwork
from ebm_tf.errors import ConfigError, UnnamedWeightsError, WeightsError
from ebm_tf.models.catalogue import build
from ebm_tf.models.ebm import build_energy
from ebm_tf.runtime.weight_files import read_weights
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
