"""TensorFlow's file system in memory, in the place of a cloud bucket."""

import os
import pathlib

import pytest
import tensorflow as tf
from etils.epath import backend, gpath, register

SCHEME = "ram"


def let_datasets_lie_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teaches the paths of TFDS, which know gs://, that ram:// is such a place."""
    prefix = f"{SCHEME}://"
    monkeypatch.setattr(gpath, "_URI_PREFIXES", (*gpath._URI_PREFIXES, prefix))
    monkeypatch.setattr(gpath, "_URI_SCHEMES", gpath._URI_SCHEMES | {SCHEME})
    monkeypatch.setitem(gpath._URI_MAP_ROOT, prefix, f"/{SCHEME}/")
    monkeypatch.setitem(gpath._PREFIX_TO_BACKEND, SCHEME, backend.tf_backend)
    monkeypatch.setitem(register._URI_PREFIXES_TO_CLS, f"{SCHEME}://", gpath.PosixGPath)


def downloaded(folder: str, local: pathlib.Path) -> pathlib.Path:
    """A copy on disk of all that is in a folder, where tests read it."""
    for here, _, names in tf.io.gfile.walk(folder):
        place = local / os.path.relpath(here, folder)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            tf.io.gfile.copy(os.path.join(here, name), str(place / name))
    return local


def files_below(folder: str) -> set[str]:
    """Paths of all files in a folder, relative to it."""
    return {
        os.path.relpath(os.path.join(here, name), folder)
        for here, _, names in tf.io.gfile.walk(folder)
        for name in names
    }


def read(path: str) -> str:
    with tf.io.gfile.GFile(path) as file:
        return file.read()
