"""An experiment that learns a classifier, on its devices."""

import dataclasses
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.parts import Data
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import batches, load_images, num_batches
from ebm_tf.data.sources import Source, require_classes
from ebm_tf.learning.adversary import adversary, in_inference
from ebm_tf.learning.classifier import ClassifierBatch, ClassifierState, make_step
from ebm_tf.learning.optimization import Learned, learned
from ebm_tf.models.catalogue import build_classifier
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas, distributed, make_replicas, replicated
from ebm_tf.runtime.loop import Task
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.store.sources import load_named_weights

ROLE = "classifier"

# Part of the data -> its images and labels.
ImagesByPart = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class ClassifierSession:
    """The network, the data and the devices of an experiment.

    Attributes:
      config: the experiment.
      replicas: its devices.
      classifier: the network that learns, on all of them.
      selected: the network with the best weights so far, on the host.
      source: where the images of learning come from.
      validation_source: where those come from by which weights are selected.
      test_source: where those come from that are measured once, at the end.
    """

    config: ClassifierTraining
    replicas: Replicas
    classifier: Learned
    selected: keras.Model
    source: Source
    validation_source: Source
    test_source: Source

    @property
    def replica_batch(self) -> int:
        """Images per update and replica."""
        return self.replicas.batch_of_each(self.config.batch)

    @property
    def epoch(self) -> int:
        """Updates in an epoch."""
        return num_batches(self.source, self.config.batch)

    @property
    def validate_every(self) -> int:
        """Updates between measurements on the validation split."""
        return self.config.validate_every or self.epoch

    @property
    def save_every(self) -> int:
        """Updates between checkpoints."""
        return self.config.save_every or self.validate_every

    def told_images(self) -> ImagesByPart:
        """Images and labels that are told of while learning: "train", "validation".

        Of the images of learning the first are taken, as many as there are others, in
        file order and not augmented.
        """
        of_validation = self.load(self.validation_source, self.config.num_validation)
        of_learning = self.load(self.source, len(of_validation[1]))
        return {"train": of_learning, "validation": of_validation}

    def load(self, source: Source, limit: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Images float32 [n, H, W, C] and labels int64 [n], in order.

        Raises:
          DataError: if a label is none of the classes.
        """
        images, labels = load_images(source, plain(self.config.data), limit=limit)
        classes = self.config.classifier.num_classes
        require_classes(labels, classes, source, told="classifier.num_classes")
        return images, labels

    def load_weights(self) -> Iterator[str]:
        """Loads the weights that the config names, and says which files they are."""
        config = self.config
        models, settings = {ROLE: self.classifier.model}, {ROLE: config.classifier}
        yield from load_named_weights(models, settings, set(), config.name)

    def task(self) -> Task:
        """What the loop runs."""
        config, model = self.config, self.classifier.model
        attack = config.attack and adversary(
            in_inference(model), config.attack, config.ball, jit=self.replicas.jit
        )
        step = make_step(
            self.classifier,
            config.objective,
            attack=attack,
            weight_perturbation=config.weight_perturbation,
        )
        return Task(
            step=replicated(self.replicas, step),
            initial_state=self.initial_state,
            state_structure=ClassifierState(0),
            batches=self._batches,
            modules={
                ROLE: model,
                f"{ROLE}_optimizer": self.classifier.optimizer,
                f"{ROLE}_selected": self.selected,
            },
            rates=[self.classifier.rate],
            rate_setting="optimizer.learning_rate",
        )

    def initial_state(self) -> ClassifierState:
        """No update yet, on each replica of this process."""
        state = ClassifierState(tf.constant(0, tf.int64))
        return distributed(self.replicas, [state] * self.replicas.num_local)

    def _batches(self, start: int) -> Iterator[ClassifierBatch]:
        stream = batches(
            self.source,
            self.config.data,
            batch=self.config.batch,
            seed=seeds.integer(self.config.seed, Purpose.DATA),
            start=start,
            strategy=self.replicas.strategy,
        )
        for element in stream:
            yield ClassifierBatch(element["image"], element["label"])


def plain(data: Data, split: str | None = None) -> Data:
    """The data without augmentation, perhaps of another split."""
    return dataclasses.replace(
        data,
        split=split or data.split,
        random_crop=False,
        padding=0,
        flip=False,
    )


def open_session(config: ClassifierTraining) -> ClassifierSession:
    """Builds the network on the devices and opens the data.

    Raises:
      UserError: if a device or a dataset is missing.
    """
    replicas = make_replicas(config.device)
    for batch in (config.batch, config.evaluation_batch):
        replicas.batch_of_each(batch)
    source = open_source(config.data)
    num_batches(source, config.batch)  # raises where there is none
    validation, test = (
        open_source(plain(config.data, split))
        for split in (config.validation_split, config.test_split)
    )
    data = config.data

    def build() -> keras.Model:
        return build_classifier(
            config.classifier, data.image_size, data.channels, config.compute_dtype
        )

    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        network = learned(config.optimizer, build)
    with tf.device("CPU"):
        selected = build()
    return ClassifierSession(
        config, replicas, network, selected, source, validation, test
    )
