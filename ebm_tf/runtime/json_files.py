"""The JSON files that a run left."""

import json
from typing import Any

from ebm_tf.errors import RunError
from ebm_tf.runtime.cloud_files import read_file


def read_json(path: str) -> dict[str, Any]:
    """What a JSON file of a run holds.

    Raises:
      RunError: if it cannot be read, or is damaged.
    """
    try:
        content = json.loads(read_file(path))
    except ValueError as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise damaged(path, "it holds no values by name")
    return content


def damaged(path: str, why: object) -> RunError:
    """The error that tells of a file whose content is not what a run wrote."""
    return RunError(f"{path} is damaged: {why}.")
