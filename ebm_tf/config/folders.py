"""Experiments on folders of images, with whatever model a run or a release holds."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.core import Experiment, require, runtime
from ebm_tf.config.own_networks import OwnNetwork, require_own
from ebm_tf.config.parts import AnyLangevin
from ebm_tf.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderExperiment(Experiment):
    """Does something to each image of a folder.

    Attributes:
      weights: the model: a run folder, release:NAME, a weight file in a run, or a
        network of one's own, FILE.py:function or FILE.keras.
      network: of one's own, its pixels and sizes.
      images: a folder or zip of PNG, JPEG, WebP, BMP or TIFF files, at any depth; or an
        npz or npy file of an array. They are cropped and scaled to the model's size.
      skip_unreadable: whether files that cannot be read are left out, not an error.
      limit: the first so many images, by name; all if None.
      batch: images at once, over all devices.
    """

    weights: str
    network: OwnNetwork = OwnNetwork()
    images: str | None = None
    skip_unreadable: bool = False
    limit: int | None = None
    batch: int = runtime(100)

    def validate(self) -> None:
        """Checks counts."""
        super().validate()
        self.require_positive("limit", "batch")
        require_own(self.network, self.weights)

    @property
    def folder(self) -> str:
        """Where the images are.

        Raises:
          ConfigError: if that is not said.
        """
        if self.images is None:
            raise ConfigError(f"{self.name} needs images: --set images=FOLDER.")
        return self.images


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImagePurification(FolderExperiment):
    """Moves images by Langevin steps that descend an energy (Hill et al., 2021).

    Attributes:
      num_steps: of the chain that begins from each image.
      start_noise: standard deviation of normal noise that is added before the first
        step, in units of images in [-1, 1].
      langevin: the step; that of the run which learned the energy if None.
      temperature: by which the energy is divided; that of the run if None.
    """

    executable: ClassVar[str] = "purify"

    num_steps: int
    start_noise: float = 0.0
    langevin: AnyLangevin | None = None
    temperature: float | None = None

    def validate(self) -> None:
        """Checks counts, noise and temperature."""
        super().validate()
        self.require_positive("temperature")
        self.require_least(0, "num_steps", "start_noise")
        require(
            self.num_steps > 0 or self.start_noise > 0,
            "Expected num_steps or start_noise above 0: else images stay as they are.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageClassification(FolderExperiment):
    """Gives the classes and the energy of images."""

    executable: ClassVar[str] = "classify"
