"""Any image dataset of TFDS, by its name there."""

from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants

from ebm_tf.config.parts import Data
from ebm_tf.data.prepared import answers, find_records, source_of_records
from ebm_tf.data.raw_folders import reason_of
from ebm_tf.data.sources import Source
from ebm_tf.errors import DataError

PREFIX = "tfds:"
_PROBE = "https://storage.googleapis.com/tfds-data/"


def is_known(name: str, directory: str | None) -> bool:
    """Whether TFDS knows a dataset, or one is prepared under the name."""
    base = name.partition("/")[0].partition(":")[0]
    if not base.isidentifier():
        return False
    return base in tfds.list_builders() or find_records(name, directory) is not None


def tfds_source(data: Data) -> Source:
    """The split of a dataset of TFDS that a config names.

    It is downloaded where it is not prepared and a network answers.

    Args:
      data: `name` is NAME, NAME/CONFIG or NAME/CONFIG:VERSION, perhaps after "tfds:".

    Raises:
      DataError: if it is not there, has no such split, or its images are not found.
    """
    name = data.name.removeprefix(PREFIX)
    builder = find_records(name, data.directory) or _downloaded(name, data.directory)
    features: Any = builder.info.features
    images = _keys(features, tfds.features.Image, "image", data.image_key)
    labels = _keys(features, tfds.features.ClassLabel, "label", data.label_key)
    if len(images) != 1 or (data.label_key and not labels):
        found = ", ".join(
            f"{key} ({type(f).__name__})" for key, f in sorted(features.items())
        )
        setting = "data.label_key" if len(images) == 1 else "data.image_key"
        raise DataError(
            f"Expected dataset {name} to have one feature of {setting[5:-4]}s: --set "
            f"{setting}=NAME, of {found}."
        )
    notes = ()
    if len(labels) > 1:
        names = ", ".join(sorted(labels))
        notes = (f"no labels: --set data.label_key=NAME, of {names}",)
    label = labels[0] if len(labels) == 1 else ""
    source = source_of_records(builder, name, data.split, (images[0], label))
    classes = tuple(features[label].names) if label else ()
    return source._replace(
        classes=classes, notes=notes, remedy="prepare it again with TFDS"
    )


def _keys(features: Any, kind: type, usual: str, asked: str | None) -> list[str]:
    """The features that are meant, or that could be."""
    found = [key for key in features if isinstance(features[key], kind)]
    if asked is not None:
        return [asked] if asked in found else []
    return [usual] if usual in found else found


def _downloaded(name: str, directory: str | None) -> tfds.core.DatasetBuilder:
    try:
        answers(_PROBE)
        builder = tfds.builder(name, data_dir=directory)
        builder.download_and_prepare()
    except Exception as error:  # of networks, disks, checksums, unknown names
        raise DataError(
            f"Dataset {name} is not prepared under {directory or constants.DATA_DIR}, "
            f"and downloading it by TFDS failed: {reason_of(error)}."
        ) from None
    return builder
