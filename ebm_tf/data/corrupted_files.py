"""Folders of corrupted images in the form of CIFAR-10-C."""

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ebm_tf.config.corruption import NUM_SEVERITIES, CorruptedFolder
from ebm_tf.config.parts import Data
from ebm_tf.errors import DataError
from ebm_tf.runtime.files import exists, fetched, names_in

SUFFIX = ".npy"
LABELS = f"labels{SUFFIX}"


class CorruptedFiles(NamedTuple):
    """Files whose forms were checked; of their images none is read yet.

    Attributes:
      folder: where they are.
      names: of the corruptions.
      num_images: n, of each severity.
      labels: int64 [5 n].
    """

    folder: str
    names: tuple[str, ...]
    num_images: int
    labels: np.ndarray

    def labels_at(self, severity: int, num: int) -> np.ndarray:
        """The first labels of a severity, int64 [num]."""
        return self.labels[(severity - 1) * self.num_images :][:num]

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[np.ndarray]:
        """The images of a corruption, uint8 [5, n, H, W, C], read where looked at."""
        with fetched(os.path.join(self.folder, f"{name}{SUFFIX}")) as local:
            images = _mapped(local)
            yield images.reshape([NUM_SEVERITIES, self.num_images, *images.shape[1:]])


def open_folder(settings: CorruptedFolder, data: Data) -> CorruptedFiles:
    """Finds the files, and checks types and shapes.

    Args:
      settings: which files.
      data: of the classifier; its image size and channels are those of the files.

    Raises:
      DataError: if one is missing, damaged or of another form.
    """
    folder = settings.folder
    there = [
        name.removesuffix(SUFFIX)
        for name in names_in(folder)
        if name.endswith(SUFFIX) and name != LABELS
    ]
    if not there:
        raise DataError(
            f"No corrupted images in {folder}: expected NAME{SUFFIX}, uint8 [5 n, H, "
            f"W, C], and {LABELS}."
        )
    if missing := [name for name in settings.names if name not in there]:
        raise DataError(
            f"No corruption {missing[0]!r} in {folder}: there are {', '.join(there)}."
        )
    labels = _labels(folder)
    names = settings.names or tuple(there)
    for name in names:
        wanted = (len(labels), data.image_size, data.image_size, data.channels)
        _check_images(os.path.join(folder, f"{name}{SUFFIX}"), wanted)
    return CorruptedFiles(folder, names, len(labels) // NUM_SEVERITIES, labels)


def _check_images(path: str, wanted: tuple[int, ...]) -> None:
    with fetched(path) as local:
        images = _mapped(local)
        if images.dtype != np.uint8 or images.shape != wanted:
            raise DataError(
                f"Expected {path} to hold uint8 {list(wanted)}, an image for each of "
                f"the labels and of the size and channels of data, got {images.dtype} "
                f"{list(images.shape)}."
            )


def _labels(folder: str) -> np.ndarray:
    path = os.path.join(folder, LABELS)
    if not exists(path):
        raise DataError(f"No labels in {folder}: expected {LABELS}, integers [5 n].")
    with fetched(path) as local:
        labels = np.array(_mapped(local))
    is_list = labels.ndim == 1 and labels.dtype.kind in "iu" and len(labels)
    if not is_list or len(labels) % NUM_SEVERITIES:
        raise DataError(
            f"Expected {path} to hold integers [{NUM_SEVERITIES} n], the labels of "
            f"{NUM_SEVERITIES} severities one after another, got {labels.dtype} "
            f"{list(labels.shape)}."
        )
    return labels.astype(np.int64)


def _mapped(path: str) -> np.ndarray:
    """The array of a file, mapped into memory."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"The file {path} is damaged: {reason}.") from error
