"""Times one Langevin step of an SNGAN energy: here, in plain TensorFlow, in PyTorch.

python3 benchmarks/langevin.py [--image_size 32] [--width 128] [--batch 64]
                               [--steps 5] [--rounds 8] [--json] [--cpu native]

The plain loop is timed as TensorFlow starts it, and with oneDNN switched on, which is
the same on a CPU where TensorFlow does that by itself. PyTorch takes part where it is
importable; it is not a dependency of this project. Milliseconds are medians per step,
beside them the machine's matrix products. All take turns, each in a process of its own
framework and environment.

"Folded" work counts a 3x3 convolution with its 2x2 mean pool as the one 4x4
convolution of stride 2 that they equal, 4/9 of the multiplications of the two in turn;
"executed" work counts what this project does instead, which is 1/4.
"""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import (  # noqa: E402
    Worker,
    as_tensorflow_starts,
    in_turns,
    medians,
    positive,
    report,
)

PLAIN, ONEDNN = "plain_tensorflow_float32", "plain_onednn_float32"
TENSORFLOW = (
    "project_float32",
    "project_bfloat16",
    ONEDNN,
    "matmul_float32",
    "matmul_bfloat16",
)
PYTORCH = "pytorch_float32"
WORK = ("folded_gflop_per_step", "executed_gflop_per_step")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    settings = vars(options)
    with contextlib.ExitStack() as stack:

        def started(environment: dict[str, str], **choices: bool) -> Worker:
            worker = Worker(
                "benchmarks.langevin_tensorflow", settings | choices, environment
            )
            return stack.enter_context(worker)

        project = started({}, project=True)
        tensorflow = started({})
        asked = {
            name: project if name.startswith("project") else tensorflow
            for name in TENSORFLOW
            if name.endswith(_dtypes(options.cpu))
        }
        asked[PLAIN] = started(as_tensorflow_starts(options.cpu))
        if importlib.util.find_spec("torch"):
            asked[PYTORCH] = stack.enter_context(
                Worker(
                    "benchmarks.langevin_pytorch",
                    settings | {"layout": tensorflow.ask("layout")},
                )
            )
        work = {name: tensorflow.ask(name) for name in WORK}
        rounds = in_turns(asked, options.rounds)
    results = dict.fromkeys((*TENSORFLOW, PYTORCH)) | medians(rounds) | work
    results |= settings | {"cpus": os.cpu_count(), "every_round": rounds}
    return results | _compared(results)


def _dtypes(cpu: str) -> tuple[str, ...]:
    """What can be timed: TensorFlow crashes where oneDNN may not compute bfloat16."""
    return ("float32", "bfloat16") if cpu == "native" else ("float32",)


def _compared(results: dict[str, Any]) -> dict[str, float | None]:
    """Speeds relative to the rivals and to the ceilings."""
    compared: dict[str, float | None] = {}
    for dtype in _dtypes(results["cpu"]):
        mine = results[f"project_{dtype}"]
        for rival in (PLAIN, ONEDNN, PYTORCH):
            other = results[rival]
            compared[f"{dtype}_over_{rival}"] = other and other / mine
        for work in WORK:
            # GFLOP / ms is TFLOP/s.
            pace = 1e3 * results[work] / mine
            share = pace / results[f"matmul_{dtype}"]
            compared[f"{dtype}_{work.split('_')[0]}_share_of_ceiling"] = share
    return compared


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    size = results["image_size"]
    yield (
        f"One Langevin step, SNGAN energy of {size}x{size} images, width "
        f"{results['width']}, batch {results['batch']}, {results['cpus']} CPUs:"
    )
    for name in (*TENSORFLOW[:3], PLAIN, PYTORCH):
        time = results[name]
        yield f"  {name:26}" + (f"{time:9.1f} ms" if time else "    not here")
    for dtype in _dtypes(results["cpu"]):
        name = f"matmul_{dtype}"
        yield f"  {name:26}{results[name]:9.0f} GFLOP/s"
    folded, executed = (results[name] for name in WORK)
    yield f"Work of a step: {folded:.1f} GFLOP folded, {executed:.1f} executed."
    for dtype in _dtypes(results["cpu"]):
        yield f"{dtype}: " + "; ".join(_ratios(results, dtype))


def _ratios(results: dict[str, Any], dtype: str) -> Iterator[str]:
    yield f"{results[f'{dtype}_over_{PLAIN}']:.2f}x the plain loop"
    yield f"{results[f'{dtype}_over_{ONEDNN}']:.2f}x that with oneDNN"
    if pytorch := results[f"{dtype}_over_{PYTORCH}"]:
        yield f"{pytorch:.2f}x PyTorch"
    for work in WORK:
        kind = work.split("_")[0]
        share = results[f"{dtype}_{kind}_share_of_ceiling"]
        yield f"{share:.0%} of the {dtype} ceiling by {kind} work"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Times one Langevin step of an SNGAN energy."
    )
    add = parser.add_argument
    add("--image_size", type=positive, default=32, help="8, 16, 32, 64 or 128")
    add("--width", type=positive, default=128, help="channels of the first block")
    add("--batch", type=positive, default=64, help="chains")
    add("--steps", type=positive, default=5, help="steps timed together")
    add("--matmul_size", type=positive, default=2048, help="side of the products")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser(), rounds=8))
