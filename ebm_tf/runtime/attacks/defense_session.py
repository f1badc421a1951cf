"""A classifier behind purification, on its devices."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.attacks import purified_gradients
from ebm_tf.attacks.purified_gradients import (
    Estimator,
    averaged_cross_entropy,
    averaged_dlr,
)
from ebm_tf.config.classifier import ClassifierNetwork, PretrainedClassifier
from ebm_tf.config.defense import DefenseMeasurement, PurifiedAutoAttack, PurifiedPgd
from ebm_tf.config.parts import Data
from ebm_tf.data.pipelines import images_in_order
from ebm_tf.data.sources import Source
from ebm_tf.defenses.purification import purification, purification_gradient
from ebm_tf.defenses.voting import replicate_logits, vote
from ebm_tf.errors import UnnamedWeightsError, WeightsError
from ebm_tf.evaluation.defense_trial import AutoTrial, Judge, PgdTrial, Trial
from ebm_tf.kernels import Kernel
from ebm_tf.learning.adversary import in_inference
from ebm_tf.models import pretrained
from ebm_tf.models.catalogue import build_classifier, summary
from ebm_tf.models.ebm import EbmModels, build_models
from ebm_tf.protocols import AscentFn, Classifier, Defense
from ebm_tf.runtime import seeds
from ebm_tf.runtime.attacks.images import open_attacked, require_known
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.runtime.files import fetched
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.sampling.langevin import DrawFn
from ebm_tf.sampling.potentials import langevin_kernel, potential
from ebm_tf.store.learned import (
    Remarks,
    differences,
    learned_network,
    remarks,
    seen_before,
    weight_files,
)
from ebm_tf.store.sources import find_weights, load_weights

# What is left of chains goes into smaller chunks.
CHUNK_PARTS = (1, 4, 16)
_KINDS = {PurifiedPgd: "", PurifiedAutoAttack: "AutoAttack rand, "}


@dataclasses.dataclass(frozen=True, eq=False)
class DefenseSession:
    """The networks, the data and the devices of a measurement.

    Attributes:
      config: the experiment.
      replicas: its devices.
      models: the networks that purify; None where nothing does.
      classifier_model: what is defended.
      source: where natural images come from.
      positions: int64 [n], theirs in the split, in rising order.
      weights: what the weights of every network are from, by role.
    """

    config: DefenseMeasurement
    replicas: Replicas
    models: EbmModels | None
    classifier_model: keras.Model
    source: Source
    positions: np.ndarray
    weights: dict[str, str]

    @property
    def classifier(self) -> Classifier:
        """The classifier without a defence."""
        return in_inference(self.classifier_model)

    @property
    def num_images(self) -> int:
        """Natural images in all."""
        return len(self.positions)

    def kernel(self, draw: DrawFn) -> Kernel:
        """The Langevin step with given noise."""
        if self.models is None:
            raise ValueError("Nothing purifies.")
        energy = potential(self.config, self.models.energy, self.models.prior)
        return langevin_kernel(self.config, energy, draw=draw)

    @property
    def defense(self) -> Defense:
        """The whole purification."""
        return purification(self.kernel, self.config.defense.num_steps)

    @functools.cached_property
    def purify(self) -> Callable[[tf.Tensor, tf.Tensor], np.ndarray]:
        """Images and seeds -> purified images, in chunks."""
        return self._over_chains(self.defense)

    def _over_chains(self, function: Callable) -> Callable:
        config = self.config
        return over_rows(function, self.replicas, config.chunk, parts=CHUNK_PARTS)

    @property
    def estimator(self) -> Estimator:
        """How the attack sees one replicate."""
        attack = self.config.attack
        if attack.gradient == "transfer":
            return purified_gradients.transfer(self.classifier)
        if attack.chain_steps is None:
            return purified_gradients.bpda(self.classifier, self.defense)
        return purified_gradients.through_chain(
            self.classifier,
            purification(self.kernel, attack.chain_steps),
            purification_gradient(self.kernel, attack.chain_steps),
        )

    @functools.cached_property
    def trial(self) -> Trial:
        """The attack and the judge."""
        config = self.config
        attack, is_random = config.attack, config.defense.num_steps > 0
        scores = vote(config.defense.vote)
        estimator = Estimator(*(self._over_chains(part) for part in self.estimator))
        num_seen = attack.num_replicates if is_random else 1
        num_seen = 1 if attack.gradient == "transfer" else num_seen
        defense, classifier = self.defense, self.classifier
        classify = self._over_chains(
            lambda images, seed: classifier(defense(images, seed))
        )

        def seeing(loss: Callable[..., tf.Tensor]) -> Callable[[tf.Tensor], AscentFn]:
            return lambda labels: purified_gradients.expected(
                estimator,
                lambda logits: loss(logits, labels, attack.average),
                scores,
                num_seen,
            )

        def voted(images: tf.Tensor, seed: tf.Tensor, num_replicates: int) -> tf.Tensor:
            # Without noise all replicates are one.
            num = num_replicates if is_random else 1
            return scores(
                replicate_logits(classify, images, seed, num, most_at_once=config.chunk)
            )

        judge = Judge(config, voted, seeds.key(config.seed, Purpose.ATTACKS))
        if isinstance(attack, PurifiedAutoAttack):
            ascents = {"apgd_ce": averaged_cross_entropy, "apgd_dlr": averaged_dlr}
            seen = {name: seeing(loss) for name, loss in ascents.items()}
            return AutoTrial(judge, attack, seen)
        return PgdTrial(judge, attack, seeing(averaged_cross_entropy))

    def batches(self, start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of images and labels in file order, from a batch on.

        Raises:
          DataError: if a label is none of the classes.
        """
        config, size = self.config, self.config.batch
        images, labels = [], []
        examples = images_in_order(self.source, config.data)
        for index, (image, label) in enumerate(_one_by_one(examples)):
            if index < start * size:
                continue
            images.append(image)
            labels.append(label)
            if len(images) == size or index == self.num_images - 1:
                require_known(labels, self.classifier_model, self.source)
                yield np.stack(images), np.array(labels)
                images, labels = [], []

    @functools.cached_property
    def remarks(self) -> Remarks:
        """What there is to say of the runs that learned the networks."""
        config, classifier = self.config, self.config.classifier
        found = Remarks()
        if self.models is not None:
            differing = differences(config)
            notes = [f"{each} differs from how it was learned" for each in differing]
            found = Remarks(notes, seen_before(config))
        if isinstance(classifier, ClassifierNetwork) and classifier.weights:
            found += remarks(classifier, classifier.weights, config.data)
        return found

    def describe(self) -> Iterator[str]:
        """What is built and read, a line each."""
        config, models = self.config, dict(self.models.by_role if self.models else {})
        next(self.batches(0))  # which looks at their labels
        models["classifier"] = self.classifier_model
        for role, model in models.items():
            yield summary(role, model)
            yield f"weights of the {role}: {self.weights[role]}"
        defense, attack = config.defense, config.attack
        yield (
            f"defence: {defense.num_steps} Langevin steps, {defense.num_replicates} "
            f"replicates, {defense.noise} noise; {config.chunk} chains at once"
        )
        yield (
            f"attack: {_KINDS[type(attack)]}{attack.gradient}, "
            f"{attack.num_steps} steps, {attack.num_replicates} replicates, "
            f"{config.ball.norm} "
            f"epsilon {config.ball.epsilon:g}/255"
        )
        count, source = self.num_images, self.source
        yield f"data: {count:,} images of {source.name}, {source.origin}"


def _one_by_one(parts):
    for images, labels in parts:
        yield from zip(images, labels, strict=True)


def open_defense_session(config: DefenseMeasurement) -> DefenseSession:
    """Builds the networks on the devices, with their weights, and opens the data.

    Raises:
      UserError: if a device, a dataset or a weight file is missing or does not fit.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.chunk)
    source, positions = open_attacked(config)
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        models = build_models(config) if config.defense.num_steps else None
        classifier = _build(config)
    by_role = models.by_role if models else {}
    weights = weight_files(config, by_role)
    for role, path in weights.items():
        load_weights(by_role[role], path, role)
    weights["classifier"] = _load_classifier(config, classifier)
    return DefenseSession(
        config, replicas, models, classifier, source, positions, weights
    )


def _build(config: DefenseMeasurement) -> keras.Model:
    settings, data = config.classifier, config.data
    if isinstance(settings, PretrainedClassifier):
        return _pretrained(settings, data)
    if settings.weights:
        settings = learned_network(settings.weights, data) or settings
    return build_classifier(
        settings, data.image_size, data.channels, config.compute_dtype
    )


def _pretrained(settings: PretrainedClassifier, data: Data) -> keras.Model:
    """A classifier of Keras, whose reader of weights takes local files only."""
    try:
        with fetched(settings.weights) as local:
            settings = dataclasses.replace(settings, weights=local)
            return pretrained.classifier(settings, data.image_size, data.channels)
    except tf.errors.OpError as error:
        raise WeightsError(
            f"Cannot read {settings.weights}: {error.message}"
        ) from error


def _load_classifier(config: DefenseMeasurement, model: keras.Model) -> str:
    """Loads its weights, if they are not there yet; returns what they are from."""
    settings = config.classifier
    if not isinstance(settings, ClassifierNetwork):
        return settings.weights
    if not settings.weights:
        raise UnnamedWeightsError(
            f"The classifier of {config.name} needs weights: --set "
            "classifier.weights=RUN, the folder of a run of train_clf.py, or a file."
        )
    path = find_weights(settings.weights, "classifier")
    return load_weights(model, path, "classifier")
