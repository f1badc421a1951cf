"""Where a run took place: versions, revision and devices."""

import importlib.metadata
import pathlib
import platform
import subprocess
import sys
from typing import Any

import tensorflow as tf


def environment() -> dict[str, Any]:
    """Versions, revision and devices that a run depends on."""
    packages = ("tensorflow", "keras", "numpy", "scipy", "tensorflow-datasets")
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in packages},
        "revision": _revision(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }


def _version(package: str) -> str:
    if package == "tensorflow":  # its distribution has several names
        return tf.__version__
    return importlib.metadata.version(package)


def _revision() -> str | None:
    root = pathlib.Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
