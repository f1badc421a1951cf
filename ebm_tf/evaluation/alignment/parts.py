"""What parts of a measurement have found, and a table of it."""

import csv
import io
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ebm_tf.evaluation.batch_files import Arrays
from ebm_tf.runtime.files import replace_file

NUM_PICTURED = 16


class Part(NamedTuple):
    """What a part measured: its results, and arrays, most of them of each image."""

    results: dict[str, Any]
    arrays: Arrays = {}


def save_table(path: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes a line for each image, as comma-separated values.

    Args:
      path: of the file.
      arrays: by name; those [n, k] become a column for each class, and what is not of
        all images is left out.
    """
    num = len(arrays["labels"])
    columns: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        if len(values) == num and values.ndim == 1:
            columns[name] = values
        elif len(values) == num and values.ndim == 2:
            columns |= {f"{name}/{k}": values[:, k] for k in range(values.shape[1])}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["image", *columns])
    for image, row in enumerate(zip(*columns.values(), strict=True)):
        writer.writerow([image, *row])
    replace_file(path, text.getvalue().encode())
