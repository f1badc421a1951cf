"""What the devices of a machine compute fast."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ebm_tf.config.core import Dtype, Experiment
from ebm_tf.runtime import cpu
from ebm_tf.runtime.distribution import make_replicas

_AMPERE = (8, 0)  # the compute capability from which GPUs multiply bfloat16


def with_dtype(config: Experiment) -> Experiment:
    """The config, with the dtype that is fast here where it says "auto"."""
    if config.compute_dtype != "auto":
        return config
    dtype: Dtype = "bfloat16" if multiplies_bfloat16(config) else "float32"
    return dataclasses.replace(config, compute_dtype=dtype)


def fast_dtype() -> Dtype:
    """The dtype in which the devices of the strategy in scope compute networks fast."""
    if tf.distribute.has_strategy():
        strategy = tf.distribute.get_strategy()
    else:
        strategy = make_replicas("auto").strategy
    return "bfloat16" if _multiply_bfloat16(strategy) else "float32"


def warnings(config: Experiment) -> Iterator[str]:
    """Why a config will be slow on this machine."""
    if config.compute_dtype == "bfloat16" and not multiplies_bfloat16(config):
        yield (
            "this device has no instructions for bfloat16 and emulates it, many times "
            "slower: --set compute_dtype=float32 (or auto)."
        )


def multiplies_bfloat16(config: Experiment) -> bool:
    """Whether the devices of a config have instructions for bfloat16."""
    return _multiply_bfloat16(make_replicas(config.device, config.in_lanes).strategy)


def _multiply_bfloat16(strategy: tf.distribute.Strategy) -> bool:
    place = strategy.extended.worker_devices[0]
    match tf.DeviceSpec.from_string(place).device_type:
        case "TPU":
            return True
        case "GPU":
            details = tf.config.experimental.get_device_details
            found = map(details, tf.config.list_physical_devices("GPU"))
            return all(
                gpu.get("compute_capability", (0, 0)) >= _AMPERE for gpu in found
            )
        case _:
            return cpu.multiplies_bfloat16()


def facts() -> dict[str, Any]:
    """What computes, for the record of a run."""
    devices = [device.name for device in tf.config.list_logical_devices()]
    return {"devices": devices, **cpu.facts()}
