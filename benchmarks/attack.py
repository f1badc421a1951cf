"""Times attacks on ResNet-18: here, in plain TensorFlow, in PyTorch.

python3 benchmarks/attack.py [--image_size 32] [--width 64] [--batch 32]
                             [--pgd_steps 20] [--apgd_steps 50] [--rounds 4] [--json]
                             [--cpu native]

PyTorch takes part where it is importable; it is not a dependency of this project.
Images per second are of whole attacks, PGD with its best iterate and APGD-CE, at a
radius at which no image breaks, so that nobody may stop early. They are medians of
rounds in which all take turns, each framework in a process of its own.
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

from benchmarks.workers import Worker, in_turns, medians, positive, report  # noqa: E402

ATTACKS = ("pgd", "apgd_ce")
PROJECT, PLAIN, PYTORCH = "project", "plain_tensorflow", "pytorch"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    settings = vars(options)
    with contextlib.ExitStack() as stack:
        tensorflow = stack.enter_context(
            Worker("benchmarks.attack_tensorflow", settings)
        )
        workers = {PROJECT: tensorflow, PLAIN: tensorflow}
        if importlib.util.find_spec("torch"):
            windows = tensorflow.ask("windows")
            workers[PYTORCH] = stack.enter_context(
                Worker("benchmarks.attack_pytorch", settings | {"windows": windows})
            )
        asked = {
            f"{rival}_{attack}": worker
            for attack in ATTACKS
            for rival, worker in workers.items()
        }
        rounds = in_turns(asked, options.rounds)
    times = medians(rounds)  # milliseconds of a batch
    results: dict[str, Any] = {}
    for attack in ATTACKS:
        mine = times[f"{PROJECT}_{attack}"]
        for rival in (PROJECT, PLAIN, PYTORCH):
            time = times.get(f"{rival}_{attack}")
            results[f"{rival}_{attack}"] = time and 1e3 * options.batch / time
            if rival != PROJECT:
                results[f"{attack}_over_{rival}"] = time and time / mine
    return results | settings | {"cpus": os.cpu_count(), "every_round": rounds}


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    size = results["image_size"]
    yield (
        f"Attacks on ResNet-18 of {size}x{size} images, width {results['width']}, "
        f"batch {results['batch']}, {results['cpus']} CPUs, images per second:"
    )
    for attack in ATTACKS:
        steps = results["pgd_steps" if attack == "pgd" else "apgd_steps"]
        yield f"  {attack}, {steps} steps"
        for rival in (PROJECT, PLAIN, PYTORCH):
            speed = results[f"{rival}_{attack}"]
            ratio = results.get(f"{attack}_over_{rival}")
            shown = f"{speed:10.2f}" if speed else "  not installed"
            yield f"    {rival:18}{shown}" + (f"  ({ratio:.2f}x)" if ratio else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Times attacks on ResNet-18.")
    add = parser.add_argument
    add("--image_size", type=positive, default=32, help="at least 8")
    add("--width", type=positive, default=64, help="channels of the first stage")
    add("--batch", type=positive, default=32, help="images")
    add("--pgd_steps", type=positive, default=20, help="of PGD")
    add("--apgd_steps", type=positive, default=50, help="of APGD-CE")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser()))
