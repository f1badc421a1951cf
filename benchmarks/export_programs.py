"""Writes programs of this project for a machine that has JAX and no TensorFlow.

python3 benchmarks/export_programs.py FOLDER [--width 128]
python3 benchmarks/export_programs.py FOLDER --configs FILE ... [--set KEY=VALUE ...]

The Langevin steps of an SNGAN energy, in float32 and bfloat16, or of each config the
learning step of one replica, as XLA compiles them; `run_programs.py` times them there.
The steps of Langevin bring their arguments and results, to be compared with.
"""

import argparse
import importlib
import pathlib
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.compiler.xla.service import hlo_pb2  # noqa: E402

from benchmarks.langevin_tensorflow import CHANNELS, NOISE, TEMPERATURE  # noqa: E402
from ebm_tf import energies  # noqa: E402
from ebm_tf.config.core import Experiment, load  # noqa: E402
from ebm_tf.config.overrides import override  # noqa: E402
from ebm_tf.config.parts import Network  # noqa: E402
from ebm_tf.models.catalogue import build  # noqa: E402
from ebm_tf.runtime.distribution import make_replicas, replicated  # noqa: E402
from ebm_tf.sampling.initialization import started  # noqa: E402
from ebm_tf.sampling.langevin import langevin, sampler  # noqa: E402

BATCH, SIZE, STEPS = 64, 32, 20


def program_of(function: Callable, *arguments: Any) -> bytes:
    """The function as XLA takes it, an HloModuleProto.

    Its parameters are the arguments, flattened, and then the variables that it reads
    or assigns, in the order of its trace; its results the function's own and then the
    variables assigned.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)
    program = compiled.experimental_get_compiler_ir(*arguments)(stage="hlo_serialized")
    proto: Any = hlo_pb2  # made at run time
    module = proto.HloModuleProto.FromString(program)
    module.ClearField("input_output_alias")  # it would run only once
    for computation in module.computations:
        for instruction in computation.instructions:
            if instruction.opcode == "copy":  # which JAX does not read
                instruction.opcode = "convert"
    return module.SerializeToString()


def langevin_steps(dtype: str, width: int) -> tuple[Callable, tuple[Any, ...]]:
    """STEPS steps of chains, as the learning step makes them, and their arguments."""
    model = build(Network(width=width), SIZE, CHANNELS, dtype)
    sample_shape = (BATCH, SIZE, SIZE, CHANNELS)

    def steps(weights: list[tf.Tensor], images: tf.Tensor, seed: tf.Tensor):
        def with_weights(images: tf.Tensor, training: bool) -> tf.Tensor:
            return model.stateless_call(weights, [], images, training=training)[0]

        energy = energies.tempered(energies.network(with_weights), TEMPERATURE)
        kernel = langevin(energy, drift=NOISE**2 / 2, noise=NOISE)
        sample = sampler(lambda _: kernel, jit=True)
        return sample(started(images), STEPS, seed)[0].images

    images = tf.random.stateless_uniform(sample_shape, [0, 1], -1.0)
    weights = [tf.convert_to_tensor(v) for v in model.trainable_variables]
    return steps, (weights, images, tf.constant([1, 2]))


def learning_step(config: Experiment) -> tuple[Callable, tuple[Any, ...]]:
    """The step of one replica, and the arguments of its first update."""
    module = importlib.import_module(f"ebm_tf.{config.executable}")
    kept = []

    def keep(replicas: Any, step: Callable) -> Callable:
        kept[:] = replicas, step
        return replicated(replicas, step)

    with mock.patch.object(module, "replicated", keep):
        task = module.build(config).task
    replicas, step = kept
    state, batch = tf.nest.map_structure(
        lambda leaf: replicas.strategy.experimental_local_results(leaf)[0],
        (task.initial_state(), next(task.batches(0))),
    )
    return step, (state, batch, tf.constant([0, 1]))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--configs", nargs="*", default=[])
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    make_replicas("cpu")
    options.folder.mkdir(parents=True, exist_ok=True)
    for dtype in () if options.configs else ("float32", "bfloat16"):
        steps, arguments = langevin_steps(dtype, options.width)
        place = options.folder / f"langevin_{options.width}_{dtype}"
        place.with_suffix(".pb").write_bytes(program_of(steps, *arguments))
        results = tf.function(steps, jit_compile=True, autograph=False)(*arguments)
        arrays = [np.asarray(leaf) for leaf in tf.nest.flatten(arguments)]
        np.savez(place, *arrays, expected=results)
    for path in options.configs:
        config = override(load(path), options.set)
        step, arguments = learning_step(config)
        place = options.folder / f"{config.name}.pb"
        place.write_bytes(program_of(step, *arguments))


if __name__ == "__main__":
    main()
