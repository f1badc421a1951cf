"""What a measurement was begun with, so that none goes on with anything else."""

import json
from collections.abc import Mapping

from ebm_tf.errors import RunError
from ebm_tf.runtime.files import exists, read_json
from ebm_tf.runtime.workspace import Workspace

FILE = "inputs.json"


def require_same(workspace: Workspace, inputs: Mapping[str, str]) -> None:
    """Keeps hashes of what a run reads, and compares them where it goes on.

    Checkpoints, records and samples of a run lie under numbers: of batches, positions
    and steps. Weights that were learned further and a dataset that was prepared again
    have the same, and would be mixed with those of before.

    Args:
      workspace: of the run, or of a part of it.
      inputs: what is read -> a hash of its content.

    Raises:
      RunError: if one is not what the run began with.
    """
    path = workspace.path(FILE)
    before = read_json(path) if exists(path) else {}
    for name, content in inputs.items():
        if before.get(name, content) != content:
            raise RunError(
                f"The {name} have changed since {workspace.folder} was begun: begin a "
                "new run."
            )
    everything = before | dict(inputs)
    if workspace.is_chief and everything != before:
        workspace.write(FILE, json.dumps(everything, indent=2) + "\n")
