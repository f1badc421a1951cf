"""Folders that `tools/convert_weights.py` wrote: what their networks are for."""

import os

from ebm_tf.config.core import from_mapping, to_mapping
from ebm_tf.config.own_networks import UseOfNetwork
from ebm_tf.config.parts import Data
from ebm_tf.errors import WeightsError
from ebm_tf.runtime.files import damaged, exists, read_json
from ebm_tf.runtime.weight_files import FOLDER, weights_name
from ebm_tf.store.sources import CONVERTED, Source

ROLES = ("energy", "generator", "classifier")


def use_of(source: Source) -> UseOfNetwork | None:
    """The network of a converted weight file, or of a folder that holds one.

    Returns:
      None where no such file or folder is named.

    Raises:
      WeightsError: if a folder holds several.
      RunError: if what says it is damaged.
    """
    file = os.path.basename(source.path) if source.is_file else None
    paths = {
        role: os.path.join(source.folder, CONVERTED.format(role))
        for role in ROLES
        if file in (None, weights_name(role))
    }
    there = {role: path for role, path in paths.items() if exists(path)}
    if len(there) > 1:
        names = " or ".join(
            os.path.join(source.path, FOLDER, weights_name(role)) for role in there
        )
        raise WeightsError(f"{source.path} holds several networks: name {names}.")
    for role, path in there.items():
        return _use(role, path)
    return None


def _use(role: str, path: str) -> UseOfNetwork:
    found = read_json(path)
    try:
        data = Data(
            name="converted", image_size=found["image_size"], channels=found["channels"]
        )
        return from_mapping(
            UseOfNetwork,
            {
                "name": str(found["kind"]),
                "data": to_mapping(data),
                role: found["network"],
            },
        )
    except (KeyError, TypeError) as error:
        raise damaged(path, error) from error
