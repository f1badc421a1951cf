"""One process at a time works in the folder of a run."""

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import Any

from ebm_tf.errors import RunError

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None


@contextlib.contextmanager
def held(folder: str) -> Iterator[None]:
    """Keeps other processes out of a folder, which is there, while the body runs.

    The system lets go of the lock of a process that was killed. Where there are no
    locks, as in a bucket, nothing is kept out.

    Raises:
      RunError: if another process works there.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            place = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, place)
            if fcntl is not None and not _locked(place):
                raise RunError(
                    f"Another process works in {folder}: wait for its end, or stop it."
                )
        yield


def _locked(place: int) -> bool:
    """Whether the lock of an open folder could be taken."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
