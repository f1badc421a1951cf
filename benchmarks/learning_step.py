"""Times one whole learning step, and how much of it is not Langevin steps.

python3 benchmarks/learning_step.py [CONFIG] [--width 64] [--bank_size 25000]
            [--num_steps 100] [--batch 128] [--rounds 4] [--json] [--cpu native]

CONFIG is configs/cifar10_medconv.py if none is given. Its networks have random weights
and a reduced width, its images are noise: no data is read. The step is the whole
update of the training loop, with the batch that it waits for. Beside it stand the
Langevin steps alone, made by the same sampler on as many chains, in turns. What the
rest costs is measured on updates of one Langevin step, less that step: in the
difference of two long times it would drown.

How often the bank is held is the peak memory of a process that began it and made
updates, over that of one whose bank is a single batch, in multiples of the difference
of the banks. oneDNN's allocator keeps what is freed, which hides what the program
holds: it is off in these two processes. The peak of the timed process, before it begins
a second bank for the updates of one Langevin step, is shown too.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

sys.path[0] = str(ROOT := pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import Worker, in_turns, medians, positive, report  # noqa: E402
from ebm_tf.config import core  # noqa: E402
from ebm_tf.config.chains import Persistent  # noqa: E402
from ebm_tf.config.ebm import EbmTraining  # noqa: E402
from ebm_tf.errors import ConfigError  # noqa: E402

WORKER = "benchmarks.learning_step_tensorflow"
TIMES = ("step_ms", "langevin_ms", "short_step_ms", "short_langevin_ms")
UPDATES_FOR_MEMORY = 3


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    config = _config(options)
    with Worker(WORKER, config) as worker:
        worker.ask("step_ms")
        peak_timed = worker.ask("peak_bytes")  # before short updates make a second bank
        rounds = in_turns(dict.fromkeys(TIMES, worker), options.rounds)
    times = medians(rounds)
    outside = times["short_step_ms"] - times["short_langevin_ms"]
    bank, peak = _memory(config, options.bank_size)
    least_bank, least_peak = _memory(config, options.batch)
    return {
        **times,
        "outside_ms": outside,
        "outside_share": outside / times["step_ms"],
        "bank_bytes": bank,
        "peak_bytes": peak_timed,
        "peak_bytes_without_cache": peak,
        "peak_bytes_without_cache_or_bank": least_peak,
        "banks_held": (peak - least_peak) / max(1, bank - least_bank),
        **vars(options),
        "cpus": os.cpu_count(),
        "every_round": rounds,
    }


def _config(options: argparse.Namespace) -> EbmTraining:
    """The experiment that is named, at the size that is asked for."""
    config = core.load(options.config)
    if not isinstance(config, EbmTraining) or not isinstance(config.chains, Persistent):
        raise ConfigError(f"Expected {options.config} to learn with persistent chains.")
    network = {"width": options.width, "weights": None}
    generator = config.generator
    return dataclasses.replace(
        config,
        batch=options.batch,
        compute_dtype=options.compute_dtype,
        energy=dataclasses.replace(config.energy, **network),
        generator=generator and dataclasses.replace(generator, **network),
        chains=dataclasses.replace(
            config.chains, bank_size=options.bank_size, num_steps=options.num_steps
        ),
    )


def _memory(config: EbmTraining, bank_size: int) -> tuple[int, int]:
    """Bytes of a bank, and of a process at its peak."""
    # Memory does not depend on the number of Langevin steps.
    chains = dataclasses.replace(config.chains, bank_size=bank_size, num_steps=1)
    config = dataclasses.replace(config, chains=chains)
    with Worker(WORKER, config, {"TF_ENABLE_ONEDNN_OPTS": "0"}) as worker:
        for _ in range(UPDATES_FOR_MEMORY):
            worker.ask("step_ms")
        return worker.ask("bank_bytes"), worker.ask("peak_bytes")


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    yield (
        f"One learning step of {os.path.basename(results['config'])}, width "
        f"{results['width']}, batch {results['batch']}, {results['num_steps']} "
        f"Langevin steps, {results['compute_dtype']}, {results['cpus']} CPUs:"
    )
    yield f"  whole step      {results['step_ms']:10.0f} ms"
    yield f"  Langevin alone  {results['langevin_ms']:10.0f} ms"
    yield (
        f"  all else        {results['outside_ms']:10.0f} ms, "
        f"{results['outside_share']:.1%} of the step"
    )
    megabytes = {name: results[name] / 2**20 for name in results if "bytes" in name}
    yield (
        f"Peak memory {megabytes['peak_bytes']:.0f} MiB, the bank "
        f"{megabytes['bank_bytes']:.0f} MiB. Without the allocator's cache "
        f"{megabytes['peak_bytes_without_cache']:.0f} MiB, with a bank of one batch "
        f"{megabytes['peak_bytes_without_cache_or_bank']:.0f} MiB: the bank is held "
        f"{results['banks_held']:.2f} times."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Times one whole learning step.")
    add = parser.add_argument
    default = str(ROOT / "configs" / "cifar10_medconv.py")
    add("config", nargs="?", default=default, help="experiment with a bank")
    add("--width", type=positive, default=64, help="of energy and generator")
    add("--batch", type=positive, default=128, help="images and chains of a step")
    add("--bank_size", type=positive, default=25_000, help="chains")
    add("--num_steps", type=positive, default=100, help="Langevin steps")
    add("--compute_dtype", default="float32", help="float32 or bfloat16")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser()))
