"""What the devices of a machine compute fast."""

import dataclasses
import functools
import os
import pathlib
import platform
import re
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ebm_tf.config.core import Experiment
from ebm_tf.runtime.distribution import make_replicas

# What a CPU multiplies by, the best first, as Linux names it.
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")
# The limits of ONEDNN_MAX_CPU_ISA that leave no instruction for bfloat16.
_LIMITS = r"SSE41|AVX|AVX2.*|AVX512_CORE|AVX512_CORE_VNNI"
_AMPERE = (8, 0)  # the compute capability from which GPUs multiply bfloat16


def with_dtype(config: Experiment) -> Experiment:
    """The config, with the dtype that is fast here where it says "auto"."""
    if config.compute_dtype != "auto":
        return config
    dtype = "bfloat16" if multiplies_bfloat16(config.device) else "float32"
    return dataclasses.replace(config, compute_dtype=dtype)


def warnings(config: Experiment) -> Iterator[str]:
    """Why a config will be slow on this machine."""
    if config.compute_dtype == "bfloat16" and not multiplies_bfloat16(config.device):
        yield (
            "this device has no instructions for bfloat16 and emulates it, many times "
            "slower: --set compute_dtype=float32 (or auto)."
        )


def multiplies_bfloat16(device: str) -> bool:
    """Whether what a config's `device` means has instructions for bfloat16."""
    place = make_replicas(device).strategy.extended.worker_devices[0]
    match tf.DeviceSpec.from_string(place).device_type:
        case "TPU":
            return True
        case "GPU":
            gpus = tf.config.list_physical_devices("GPU")
            found = map(tf.config.experimental.get_device_details, gpus)
            return all(
                each.get("compute_capability", (0, 0)) >= _AMPERE for each in found
            )
        case _:
            limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "")
            limited = re.fullmatch(_LIMITS, limit, re.IGNORECASE)
            return cpu_instructions() in INSTRUCTIONS[:2] and not limited


@functools.cache
def cpu_instructions() -> str | None:
    """The best of INSTRUCTIONS that the CPU has; None where they are not known."""
    facts = pathlib.Path("/proc/cpuinfo")
    if not facts.exists():
        return None
    flags = re.search(r"^flags\s*:(.*)$", facts.read_text(), re.MULTILINE)
    there = flags[1].split() if flags else []
    return next((name for name in INSTRUCTIONS if name in there), None)


def facts() -> dict[str, Any]:
    """What computes, for the record of a run."""
    return {
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "cpu": cpu_instructions() or platform.machine(),
        "onednn": {
            name: value
            for name, value in sorted(os.environ.items())
            if "ONEDNN" in name
        },
    }
