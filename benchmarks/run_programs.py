"""Times what `export_programs.py` wrote, where there is JAX and no TensorFlow.

python3 benchmarks/run_programs.py FOLDER [--repeat 10]

Milliseconds of a whole program, the median of so many runs, on the first device that
JAX finds. Programs without arguments beside them get normal numbers of a deviation of
0.02, and zeros. Needs jax 0.10 or 0.11, whose inner names it uses.
"""

import argparse
import json
import pathlib
import statistics
import time
from typing import Any

import jax  # pyright: ignore[reportMissingImports]
import numpy as np
from jax._src import xla_bridge  # pyright: ignore[reportMissingImports]
from jax._src.lib import xla_client  # pyright: ignore[reportMissingImports]

jax.config.update("jax_enable_x64", True)  # steps are counted in 64 bits


def measured(path: pathlib.Path, repeat: int) -> dict[str, Any]:
    """Milliseconds of a program, and how far its results are from those expected."""
    program = xla_client.XlaComputation(path.read_bytes())
    started = time.perf_counter()
    execute = compiled(program)
    found: dict[str, Any] = {"compiled_s": time.perf_counter() - started}
    stored = np.load(file) if (file := path.with_suffix(".npz")).exists() else {}
    arrays = [stored[name] for name in stored if name != "expected"]
    arrays = arrays or some_arrays(program.program_shape().parameter_shapes())
    buffers = [jax.device_put(array) for array in arrays]
    results = execute(buffers)
    if "expected" in stored:
        error = np.abs(np.asarray(results[0]) - stored["expected"])
        found |= {"largest_error": float(error.max()), "error": float(error.mean())}
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        jax.block_until_ready(execute(buffers))
        seconds.append(time.perf_counter() - started)
    return found | {
        "ms": 1e3 * statistics.median(seconds),
        "least_ms": 1e3 * min(seconds),
    }


def compiled(program: Any) -> Any:
    """The program on the first device: buffers -> buffers."""
    module = xla_client._xla.mlir.xla_computation_to_mlir_module(program)
    client = xla_bridge.get_backend()
    devices = xla_client.DeviceList(tuple(client.local_devices()[:1]))
    options = xla_client.CompileOptions()
    return client.compile_and_load(module, devices, options).execute


def some_arrays(shapes: Any) -> list[np.ndarray]:
    """Numbers of the shapes."""
    generator = np.random.default_rng(0)
    return [
        (0.02 * generator.normal(size=s.dimensions())).astype(s.numpy_dtype())
        for s in shapes
    ]


def main() -> None:
    """Reads the command line; prints a line of JSON for each program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=10)
    options = parser.parse_args()
    print(json.dumps({"device": jax.devices()[0].device_kind, "jax": jax.__version__}))
    for path in sorted(options.folder.glob("*.pb")):
        try:
            found = measured(path, options.repeat)
        except Exception as error:  # the others are worth their time all the same
            found = {"failed": str(error)[:300]}
        print(json.dumps({"program": path.stem, **found}), flush=True)


if __name__ == "__main__":
    main()
