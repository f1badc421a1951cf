"""Shows which operations of TensorFlow the time of the threads goes to.

python3 benchmarks/operations.py [langevin] [learning_step] [attack] [features]
                                 [--least 0.01] [--rounds 4] [--json] [--cpu native]

All four if none is named: a Langevin step, an update of configs/digits_nonconv.py,
APGD-CE on a small ResNet-18, and features of an Inception network with random weights,
as fid.py computes them. Shares are of the time that TensorFlow's profiler saw inside
operations of one whole call, after calls that compiled it; what waits and what Python
does is not in them. Operations below --least are summed up.
"""

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

sys.path[0] = str(ROOT := pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import Worker, report  # noqa: E402
from ebm_tf.config import core  # noqa: E402

WORKER = "benchmarks.operations_tensorflow"
# Forward and backward, also inside the fused operations of oneDNN.
PRODUCTS = ("Conv", "MatMul", "Einsum", "BatchMatMul")
# What is profiled: the module and the measurement of it, and its settings.
WORK = {
    "langevin": (
        "benchmarks.langevin_tensorflow",
        "project_float32",
        {"image_size": 32, "width": 64, "batch": 64, "steps": 5, "matmul_size": 32}
        | {"project": True},
    ),
    "learning_step": (
        "benchmarks.learning_step_tensorflow",
        "step_ms",
        str(ROOT / "configs" / "digits_nonconv.py"),
    ),
    "attack": (
        "benchmarks.attack_tensorflow",
        "project_apgd_ce",
        {"image_size": 32, "width": 16, "batch": 64, "pgd_steps": 2, "apgd_steps": 10},
    ),
    "features": (WORKER, "inception", None),
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    found = {}
    for name in options.work or WORK:
        module, measurement, settings = WORK[name]
        if isinstance(settings, str):
            settings = core.load(settings)
        asked = (module, measurement, settings, options.rounds)
        with Worker(WORKER, asked) as worker:
            milliseconds = worker.ask("operations")
        found[name] = {kind: time / options.rounds for kind, time in milliseconds}
    shares = {name: _product_share(times) for name, times in found.items()}
    return {
        "milliseconds": found,
        "product_share": shares,
        **vars(options),
        "cpus": os.cpu_count(),
    }


def _product_share(times: dict[str, float]) -> float:
    products = (time for kind, time in times.items() if is_product(kind))
    return sum(products) / sum(times.values())


def is_product(kind: str) -> bool:
    """Whether an operation multiplies matrices or convolves."""
    return any(word in kind for word in PRODUCTS)


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    for name, times in results["milliseconds"].items():
        total = sum(times.values())
        yield (
            f"{name}: {total:.1f} ms of threads, {results['product_share'][name]:.1%} "
            "of it convolutions and matrix products"
        )
        shown = {k: t for k, t in times.items() if t >= results["least"] * total}
        for kind, time in shown.items():
            yield f"  {kind:44}{time:10.2f} ms{time / total:8.1%}"
        rest = total - sum(shown.values())
        kinds = f"{len(times) - len(shown)} others"
        yield f"  {kinds:44}{rest:10.2f} ms{rest / total:8.1%}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Shows where time goes.")
    parser.add_argument("work", nargs="*", choices=[*WORK, []], help="all if none")
    parser.add_argument("--least", type=float, default=0.01, help="share that is shown")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser()))
