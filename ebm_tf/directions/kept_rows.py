"""Rows of numbers that belong to images and classes, in memory and in a folder."""

import hashlib
import os
from collections.abc import Iterator

import numpy as np

from ebm_tf.errors import RunError
from ebm_tf.runtime.files import load_arrays, make_folder, names_in, save_arrays

_BYTES = 16
_SUFFIX = ".npz"


class KeptRows:
    """Finds rows again by the content of an image and a class.

    Each call that keeps rows writes a file, whose name is a hash of what is in it, so
    that several processes can share a folder.
    """

    def __init__(self, folder: str, width: int):
        """Takes a folder, which belongs to all else that rows depend on.

        Args:
          folder: read when rows are first asked for.
          width: numbers in a row.
        """
        self.folder, self.width = folder, width
        self._rows: dict[bytes, np.ndarray] = {}
        self._asked: dict[bytes, None] = {}
        self._is_read = False

    def recall(
        self, images: np.ndarray, classes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows float32 [n, width] of images [n, ...] and classes [n], if known.

        Returns:
          Rows, 0 where they are not known, and whether they are, bool [n].
        """
        self._read()
        keys = list(_keys(images, classes))
        self._asked |= dict.fromkeys(keys)
        rows = np.zeros([len(keys), self.width], np.float32)
        known = np.array([key in self._rows for key in keys], bool)
        for place in np.flatnonzero(known):
            rows[place] = self._rows[keys[place]]
        return rows, known

    def keep(self, images: np.ndarray, classes: np.ndarray, rows: np.ndarray) -> None:
        """Keeps rows [n, width], n > 0, that belong to images [n, ...] and classes.

        Raises:
          RunError: if they cannot be written.
        """
        keys = list(_keys(images, classes))
        self._rows |= zip(keys, rows, strict=True)
        joined = b"".join(keys)
        name = hashlib.sha256(joined).hexdigest()[: 2 * _BYTES] + _SUFFIX
        make_folder(self.folder)
        save_arrays(
            os.path.join(self.folder, name),
            keys=np.frombuffer(joined, np.uint8).reshape(-1, _BYTES),
            rows=rows,
        )

    def asked(self) -> np.ndarray:
        """The rows [n, width] of all that was asked for in this process, each once."""
        rows = [self._rows[key] for key in self._asked if key in self._rows]
        return np.reshape(rows, [-1, self.width])

    def _read(self) -> None:
        """Reads all files of the folder, once; a damaged one is as good as missing."""
        if self._is_read:
            return
        self._is_read = True
        for name in names_in(self.folder):
            if not name.endswith(_SUFFIX):
                continue
            try:
                arrays = load_arrays(os.path.join(self.folder, name))
                keys, rows = arrays["keys"], arrays["rows"]
            except (RunError, KeyError):
                continue
            if rows.shape == (len(keys), self.width):
                self._rows |= {
                    bytes(key): row for key, row in zip(keys, rows, strict=True)
                }


def _keys(images: np.ndarray, classes: np.ndarray) -> Iterator[bytes]:
    for image, label in zip(images, classes, strict=True):
        content = np.ascontiguousarray(image, np.float32).tobytes()
        content += int(label).to_bytes(8, "little", signed=True)
        yield hashlib.sha256(content).digest()[:_BYTES]
