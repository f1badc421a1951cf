"""Keeping quiet what libraries write to stderr before their log level holds."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def hidden_stderr() -> Iterator[None]:
    """Sends file descriptor 2 nowhere while the body runs; errors still raise."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
