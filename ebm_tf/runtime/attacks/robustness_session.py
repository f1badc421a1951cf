"""A classifier that is attacked, on its devices."""

import dataclasses
import functools
from collections.abc import Iterator

import keras
import numpy as np

from ebm_tf.attacks.auto_attack import auto_attack
from ebm_tf.attacks.carlini_wagner import carlini_wagner
from ebm_tf.attacks.pgd import pgd_attack
from ebm_tf.config.robustness import RobustnessMeasurement
from ebm_tf.data.pipelines import load_images
from ebm_tf.data.sources import FIRST_FEW, Source
from ebm_tf.errors import UnnamedWeightsError
from ebm_tf.models.catalogue import build_classifier, in_inference, summary
from ebm_tf.protocols import AttackFn, Classifier
from ebm_tf.runtime.attacks.images import open_attacked, require_known
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.weight_files import SUFFIX
from ebm_tf.store.learned import Remarks, learned_network, remarks
from ebm_tf.store.sources import find_weights, load_weights, weights_of_run

ROLE = "classifier"


@dataclasses.dataclass(frozen=True)
class RobustnessSession:
    """The classifier, the data and the devices of a measurement.

    Attributes:
      config: the experiment.
      replicas: its devices.
      model: the classifier.
      weights: the file that its weights are from.
      source: where the natural images come from.
      positions: int64 [n], theirs in the split, in rising order.
    """

    config: RobustnessMeasurement
    replicas: Replicas
    model: keras.Model
    weights: str
    source: Source
    positions: np.ndarray

    @property
    def classifier(self) -> Classifier:
        """The classifier as attacks see it."""
        return in_inference(self.model)

    @property
    def is_random(self) -> bool:
        """Whether the classifier is told to answer at random."""
        settings = self.config.auto_attack
        return settings is not None and settings.version == "rand"

    @property
    def num_verifications(self) -> int:
        """Evaluations by whose majority an image counts as broken."""
        settings = self.config.auto_attack
        return settings.num_verifications if settings and self.is_random else 1

    def load_images(self, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Natural images float32 [n, H, W, C] and labels int64 [n], in file order.

        Raises:
          DataError: if a label is none of the classes.
        """
        images, labels = load_images(self.source, self.config.data, limit=limit)
        require_known(labels, self.model, self.source)
        return images, labels

    @functools.cached_property
    def attacks(self) -> dict[str, AttackFn]:
        """What is asked for, in its order: PGD, AutoAttack, Carlini and Wagner."""
        config, attacks = self.config, {}
        if config.pgd is not None:
            attacks["pgd"] = pgd_attack(self.classifier, config.pgd, config.ball)
        if config.auto_attack is not None:
            attacks |= auto_attack(self.classifier, config.auto_attack, config.ball)
        if config.carlini_wagner is not None:
            attacks["carlini_wagner"] = carlini_wagner(
                self.classifier, config.carlini_wagner, config.ball
            )
        return attacks

    @property
    def own_figures(self) -> list[str]:
        """The attacks that are tried on all images which are naturally right.

        The others are tried on what is left of those before them.
        """
        alone = ("pgd", "apgd_ce", "carlini_wagner")
        return [name for name in self.attacks if name in alone]

    @functools.cached_property
    def remarks(self) -> Remarks:
        """What there is to say of the run that learned the classifier."""
        config = self.config
        return remarks(config.classifier, named_weights(config), config.data)

    def describe(self) -> Iterator[str]:
        """What is built and read, a line each."""
        source = self.source
        self.load_images(FIRST_FEW)  # which looks at their labels
        yield summary("classifier", self.model)
        yield f"weights of the classifier: {self.weights}"
        yield f"attacks: {', '.join(self.attacks) or 'none'}"
        yield f"data: {source.num_examples:,} images of {source.name}, {source.origin}"
        yield from self.remarks.lines()


def open_robustness_session(config: RobustnessMeasurement) -> RobustnessSession:
    """Builds the classifier on the devices, with its weights, and opens the data.

    Raises:
      UserError: if a device, a dataset or a weight file is missing or does not fit.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.batch)
    source, positions = open_attacked(config)
    path, named = weight_file(config), named_weights(config)
    settings = learned_network(named, config.data) or config.classifier
    with replicas.strategy.scope():
        model = build_classifier(
            settings,
            config.data.image_size,
            config.data.channels,
            config.compute_dtype,
        )
    load_weights(model, path, ROLE)
    return RobustnessSession(config, replicas, model, path, source, positions)


def named_weights(config: RobustnessMeasurement) -> str:
    """Where the weights of the classifier are, as the config says it.

    Raises:
      UnnamedWeightsError: if it does not.
    """
    named = config.classifier.weights or config.weights
    if not named:
        raise UnnamedWeightsError(
            f"The classifier of {config.name} needs weights: --set weights=RUN, the "
            f"folder of the run that learned it, or a file *{SUFFIX}."
        )
    return named


def weight_file(config: RobustnessMeasurement) -> str:
    """The file that the weights of the classifier are in.

    Raises:
      WeightsError: if it is not named or not there.
    """
    named = named_weights(config)
    if config.classifier.weights or named.endswith(SUFFIX):
        return find_weights(named, ROLE)
    return weights_of_run(named, ROLE, kind=config.weights_kind)
