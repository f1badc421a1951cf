"""Folders to write in, beside the place that what is written is moved to."""

import contextlib
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator

# After so many seconds a folder is no more in use: a kill left it.
OLD = 7 * 24 * 3600.0


@contextlib.contextmanager
def new_stage(parent: str | None, prefix: str) -> Iterator[str]:
    """A new local folder, which goes away; so do old ones that kills left there.

    Args:
      parent: the folder that it lies in; that of temporary files if None.
      prefix: how its name begins, and that of no other folder there.

    Raises:
      OSError: if it cannot be made.
    """
    parent = parent or tempfile.gettempdir()
    for left in glob.glob(f"{prefix}*", root_dir=parent, include_hidden=True):
        _remove_old(os.path.join(parent, left))
    stage = tempfile.mkdtemp(prefix=prefix, dir=parent)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _remove_old(folder: str) -> None:
    with contextlib.suppress(OSError):  # another process does the same
        if time.time() - os.path.getmtime(folder) > OLD:
            shutil.rmtree(folder, ignore_errors=True)
