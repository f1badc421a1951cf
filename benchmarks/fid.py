"""Shows that the memory of measuring samples does not grow, and times the distance.

python3 benchmarks/fid.py [--num_images 1000 10000 20000] [--num_steps 1000 10000]
            [--image_size 16] [--channels 3] [--num_reference 10000] [--chains 20]
            [--width 8] [--dimensions 2048] [--rounds 3] [--json] [--cpu native]

Images: random bytes lie in sample files of 100 images, as fid.py leaves them. They are
read, their pixels extracted, summarized and compared with the summary of random
reference images: all metrics of results.json. Each number of images has a process of
its own, whose peak memory is shown before it reads the first sample (TensorFlow,
compiled functions, the reference) and at its end. Of each set at most 10,000 feature
vectors are kept, for kernel distance, precision and recall: up to there memory grows
by them (image_size^2 x channels floats each) and by the distances of 1,000 of them to
all others, and no more from there on.

Chains: those of configs_fid/digits_shortrun.py from noise, with a network of random
weights and reduced width, run as fid.py runs them: in segments, with checkpoints,
traces, plots and sample files. Each number of Langevin steps has its own process too.

Peak memory is what the system counts as resident. oneDNN's allocator keeps what is
freed, which hides what the program holds: it is off in all these processes.

Fréchet distance: seconds of one, moments given, medians of rounds, of two full
covariances (from twice as many vectors as dimensions) and of two rank-deficient ones
(half as many vectors as dimensions).
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

sys.path[0] = str(ROOT := pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import Worker, medians, milliseconds, positive, report  # noqa: E402
from ebm_tf.config import core  # noqa: E402
from ebm_tf.config.fid import SampleMeasurement  # noqa: E402
from ebm_tf.errors import ConfigError  # noqa: E402

CONFIG = ROOT / "configs_fid" / "digits_shortrun.py"
WORKER = "benchmarks.fid_tensorflow"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    images, chains = _configs(options)
    return {
        "by_num_images": [
            {"num_images": n, **_measured("measured", images, num_samples=n)}
            for n in options.num_images
        ],
        "by_num_steps": [
            {"num_steps": n, **_measured("sampled", chains, num_steps=n)}
            for n in options.num_steps
        ],
        # Last, so that the processes above are started by a small one.
        **_frechet_seconds(options.dimensions, options.rounds),
        "options": vars(options),
        "cpus": os.cpu_count(),
    }


def _configs(options: argparse.Namespace) -> tuple[SampleMeasurement, ...]:
    """What is measured, and the chains that are run."""
    config = core.load(str(CONFIG))
    if not isinstance(config, SampleMeasurement):
        raise ConfigError(f"Expected {CONFIG} to measure samples.")
    images = dataclasses.replace(
        config,
        data=dataclasses.replace(
            config.data, image_size=options.image_size, channels=options.channels
        ),
        num_reference=options.num_reference,
    )
    chains = dataclasses.replace(
        config,
        energy=dataclasses.replace(config.energy, width=options.width),
        batch=options.chains,
        num_samples=options.chains,
    )
    return images, chains


def _measured(what: str, config: SampleMeasurement, **size: int) -> dict[str, Any]:
    """Seconds and bytes of one measurement, in a new process."""
    config = dataclasses.replace(config, **size)  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        environment = {"TF_ENABLE_ONEDNN_OPTS": "0"}
        with Worker(WORKER, (config, folder), environment) as worker:
            worker.ask(f"prepare_{what}")
            before = worker.ask("peak_bytes")
            seconds = worker.ask(what) / 1e3
            peak = worker.ask("peak_bytes")
    return {"seconds": seconds, "peak_bytes_before": before, "peak_bytes": peak}


def _frechet_seconds(dimensions: int, rounds: int) -> dict[str, Any]:
    from ebm_tf.evaluation.frechet import Moments, frechet_distance, moments

    generator = np.random.default_rng(0)
    scales = np.arange(1, dimensions + 1) ** -0.5  # some directions matter more

    def pair(count: int) -> Sequence[Moments]:
        sizes = [count, dimensions]
        return [moments(generator.normal(size=sizes) * scales) for _ in range(2)]

    pairs = {
        "frechet_seconds": pair(2 * dimensions),
        "frechet_rank_deficient_seconds": pair(max(2, dimensions // 2)),
    }
    every_round: dict[str, list[float]] = {name: [] for name in pairs}
    for _ in range(rounds):
        for name, (first, second) in pairs.items():
            time = milliseconds(lambda a=first, b=second: frechet_distance(a, b))
            every_round[name].append(time / 1e3)
    return {**medians(every_round), "frechet_every_round": every_round}


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    options = results["options"]
    side, channels = options["image_size"], options["channels"]
    yield f"Peak memory of measuring images of {side}x{side}x{channels}, by pixels:"
    yield from _rows(results["by_num_images"], "num_images", "images")
    yield f"Peak memory of running {options['chains']} chains of digits:"
    yield from _rows(results["by_num_steps"], "num_steps", "Langevin steps")
    yield (
        f"Fréchet distance in {options['dimensions']:,} dimensions: "
        f"{results['frechet_seconds']:.2f} s, of rank-deficient covariances "
        f"{results['frechet_rank_deficient_seconds']:.2f} s, {results['cpus']} CPUs."
    )


def _rows(rows: Sequence[dict[str, Any]], key: str, unit: str) -> Iterator[str]:
    for row in rows:
        before, peak = (
            row[name] / 2**20 for name in ("peak_bytes_before", "peak_bytes")
        )
        yield (
            f"  {row[key]:10,} {unit}: {peak:6.0f} MiB, {before:.0f} before; "
            f"{row['seconds']:.1f} s"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Memory and time of measuring.")
    add = parser.add_argument
    add("--num_images", type=positive, nargs="+", default=[1000, 10_000, 20_000])
    add("--num_steps", type=positive, nargs="+", default=[1000, 10_000])
    add("--image_size", type=positive, default=16, help="of measured images")
    add("--channels", type=int, choices=(1, 3), default=3, help="likewise")
    add("--num_reference", type=positive, default=10_000, help="images")
    add("--chains", type=positive, default=20, help="that are run at once")
    add("--width", type=positive, default=8, help="of the energy of the chains")
    add("--dimensions", type=positive, default=2048, help="of the Fréchet distance")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser(), rounds=3))
