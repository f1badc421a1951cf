"""A model and a folder of images, which go through it batch by batch."""

import dataclasses
import sys
from collections.abc import Iterator

import numpy as np
import tqdm

from ebm_tf.api.images import ImageSet, open_images
from ebm_tf.api.models import Model, load
from ebm_tf.config.folders import FolderExperiment
from ebm_tf.config.kinds import is_own
from ebm_tf.runtime.workspace import Workspace

# Batches of the model that are read from the folder at once.
BATCHES_READ = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What an experiment on a folder is made of.

    Attributes:
      model: with its weights.
      images: of the model's size.
      count: how many of them are used.
    """

    model: Model
    images: ImageSet
    count: int

    def batches(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the place of the first image, and images uint8 [n, H, W, C]."""
        size = BATCHES_READ * self.model.batch
        shown = sys.stderr.isatty()
        with tqdm.tqdm(total=self.count, unit=" images", disable=not shown) as bar:
            for start in range(0, self.count, size):
                end = min(start + size, self.count)
                yield start, self.images.read(start, end)
                bar.update(end - start)

    @property
    def names(self) -> list[str]:
        """Of the images that are used."""
        return list(self.images.names[: self.count])


def build(config: FolderExperiment) -> Parts:
    """Opens the model and the folder.

    Raises:
      UserError: if weights or images are missing or damaged.
    """
    folder = config.folder  # it raises at once
    model = load(
        config.weights,
        network=config.network if is_own(config.weights) else None,
        batch=config.batch,
        device=config.device,
        compute_dtype=config.compute_dtype,
    )
    size, _, channels = model.image_shape
    images = open_images(
        folder,
        image_size=size,
        channels=channels,
        skip_unreadable=config.skip_unreadable,
    )
    return Parts(model, images, min(config.limit or len(images), len(images)))


def describe(parts: Parts) -> Iterator[str]:
    """What is read, a line each."""
    for role, path in parts.model.networks.files().items():
        yield f"weights of the {role}: {path}"
    yield f"images: {parts.count:,} of {parts.images.origin}"


def log_notes(parts: Parts, workspace: Workspace) -> None:
    """Logs what a user should know of the images that were read."""
    for note in parts.images.notes():
        workspace.log(note)
