"""Energy-based models and robust classifiers with TensorFlow 2 and Keras 3.

What scripts call is here: NumPy arrays in and out, see docs/scripts.md. Every name is
imported when it is first asked for, so that `import ebm_tf` takes no time.
"""

import importlib
import os
import platform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebm_tf.api.attacking import AttackResult, auto_attack, carlini_wagner, pgd
    from ebm_tf.api.chains import purified, sample
    from ebm_tf.api.images import read_images, save_images
    from ebm_tf.api.measuring import evaluate
    from ebm_tf.api.models import Model, load
    from ebm_tf.api.running import Run, open_config, run
    from ebm_tf.config.attacks import AutoAttack, CarliniWagner
    from ebm_tf.config.networks import Standardised
    from ebm_tf.config.own_networks import OwnNetwork
    from ebm_tf.config.parts import (
        ClippedLangevin,
        HeunLangevin,
        Langevin,
        MomentumLangevin,
    )
    from ebm_tf.errors import UserError

__version__ = "0.1.0"
__all__ = [
    "AttackResult",
    "AutoAttack",
    "CarliniWagner",
    "ClippedLangevin",
    "HeunLangevin",
    "Langevin",
    "Model",
    "MomentumLangevin",
    "OwnNetwork",
    "Run",
    "Standardised",
    "UserError",
    "auto_attack",
    "carlini_wagner",
    "evaluate",
    "load",
    "open_config",
    "pgd",
    "purified",
    "read_images",
    "run",
    "sample",
    "save_images",
]

# Names by the modules that they are in.
_HOMES = {
    "api.attacking": ("AttackResult", "auto_attack", "carlini_wagner", "pgd"),
    "api.chains": ("purified", "sample"),
    "api.images": ("read_images", "save_images"),
    "api.measuring": ("evaluate",),
    "api.models": ("Model", "load"),
    "api.running": ("Run", "open_config", "run"),
    "config.attacks": ("AutoAttack", "CarliniWagner"),
    "config.parts": ("ClippedLangevin", "HeunLangevin", "Langevin", "MomentumLangevin"),
    "config.networks": ("Standardised",),
    "config.own_networks": ("OwnNetwork",),
    "errors": ("UserError",),
}

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if platform.machine().lower() in ("x86_64", "amd64"):
    # TensorFlow reads this once, at its import. Where a CPU lacks AVX512-VNNI it would
    # leave oneDNN off, and convolutions would take twice as long.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def __getattr__(name: str) -> Any:
    """Imports what is asked for (PEP 562)."""
    for module, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"ebm_tf.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'ebm_tf' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What is there besides what was imported."""
    return sorted({*globals(), *__all__})
