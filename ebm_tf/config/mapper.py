"""Experiments that learn a mapper: from an image to one like it of another class."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, adjustable, require, runtime
from ebm_tf.config.networks import AnyNetwork
from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Guard
from ebm_tf.config.splits import require_disjoint

ADAM = Optimizer(beta_1=0.0, beta_2=0.9, average_decay=0.999)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapperNetwork(AnyNetwork):
    """A network from an image, its class and another class to a difference.

    The image plus the difference should be of that other class.

    Attributes:
      architecture: "unet" for images, "dense" for vectors; or one's own:
        FILE.py:function (docs/own_networks.md) or FILE.keras.
      width: channels of the first level of a "unet", units of each hidden layer of a
        "dense"; the published ones if None.
      depth: how often a "unet" halves the sides, hidden layers of a "dense"; the
        published ones if None.
      num_classes: of the images.
    """

    architecture: str = "unet"
    width: int | None = None
    depth: int | None = None
    num_classes: int = 2

    def validate(self) -> None:
        """Checks counts."""
        self.require_positive("width", "depth")
        self.require_least(2, "num_classes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MapperTraining(Experiment):
    """Learns a mapper against a classifier: VR-GAN (Bigolin Lanfredi et al., 2019).

    Nothing is selected: what is measured, and what a run folder means, are the
    averages of the last weights. The validation split is only looked at.

    Attributes:
      data: images to learn from.
      validation_split: images that are measured along the way.
      test_split: images that are measured at the end.
      num_measured: the first so many of either; all if None.
      mapper: maps images of a class to others.
      classifier: what is to be convinced; it learns beside the mapper that mapped
        images still are of the class that they come from.
      mapper_optimizer: of the mapper's weights.
      classifier_optimizer: of the classifier's weights.
      mapped_weight: of the classifier's loss on mapped images; that on data has 1.
      flip_weight: of the mapper's loss, that its images are of the other class.
      norm_weight: of the mean norm of its differences over the root of their size.
      num_updates: updates of either network.
      batch: images per update, over all replicas.
      guard: when learning counts as diverged, and what then happens.
      log_every: updates between lines of metrics.
      measure_every: updates between measurements and pictures.
      save_every: updates between checkpoints.
    """

    executable: ClassVar[str] = "train_vrgan"

    data: Data
    validation_split: str = "validation"
    test_split: str = "test"
    num_measured: int | None = 1000
    mapper: MapperNetwork = MapperNetwork()
    classifier: ClassifierNetwork
    mapper_optimizer: Optimizer = ADAM
    classifier_optimizer: Optimizer = ADAM
    mapped_weight: float = 0.01
    flip_weight: float = 0.3
    norm_weight: float = 0.5
    num_updates: int = adjustable(6000)
    batch: int = 12
    guard: Guard = Guard()
    log_every: int = runtime(100)
    measure_every: int = runtime(1000)
    save_every: int = runtime(1000)

    def validate(self) -> None:
        """Checks counts, weights of losses, classes and splits."""
        super().validate()
        self.guard.require_default_energy_bound()
        self.require_positive("num_updates", "batch", "flip_weight", "log_every")
        self.require_positive("measure_every", "save_every")
        self.require_least(0, "mapped_weight", "norm_weight")
        self.require_least(2, "num_measured")
        classes = self.mapper.num_classes, self.classifier.num_classes
        require(
            classes[0] == classes[1],
            f"Expected mapper.num_classes={classes[0]} and "
            f"classifier.num_classes={classes[1]} to be equal.",
        )
        require_disjoint(self.data.split, self.validation_split, self.test_split)
