"""What is computed once and kept in a file, under a hash of all that it depends on."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

from ebm_tf.errors import RunError
from ebm_tf.runtime.files import exists, load_arrays, make_folder, save_arrays

Kind = TypeVar("Kind", bound=tuple)


def short_hash(key: Any) -> str:
    """A part of a file's name: a hash of bytes, or of what JSON can write."""
    content = key if isinstance(key, bytes) else json.dumps(key).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def kept(path: str, kind: type[Kind], compute: Callable[[], Kind]) -> Kind:
    """A named tuple of arrays: read from a file, or computed and written there.

    A damaged file is written anew. Several processes may keep the same.
    """
    if exists(path):
        with contextlib.suppress(RunError, TypeError):
            return kind(**load_arrays(path))
    found = compute()
    make_folder(os.path.dirname(path))
    save_arrays(path, **found._asdict())  # pyright: ignore[reportAttributeAccessIssue]
    return found
