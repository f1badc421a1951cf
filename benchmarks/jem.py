"""Times an update of a joint energy-based model, and what its passes cost alone.

python3 benchmarks/jem.py [--image_size 32] [--depth 10] [--width 1] [--batch 64]
                          [--num_steps 20] [--bank_size 10000] [--rounds 4] [--json]
                          [--cpu native]

The network is that of JEM, a wide ResNet without normalisation, of reduced depth and
width; images are noise. An update is that of the training loop, with the batch that it
waits for. It is compared with

- the passes alone: the gradients of E(x) in the images of every Langevin step, and the
  gradients of the loss in the weights, in one function without replay buffer, noise,
  metrics and optimizer. They are made once as the update makes them, in two lanes of a
  CPU, and once in plain TensorFlow.
- an update of the cross-entropy alone, by the same program. By counting passes, of
  which a forward one and a gradient in images cost 1 each, and one in weights 2, the
  update costs (2 n + 6) / 3 times as much for n steps.
- PyTorch, where it is importable; it is not a dependency of this project. Its faster
  time counts, of all cores and of one: on a busy machine its threads wait for one
  another.

Milliseconds are medians, ratios the medians of those of single rounds. All take turns,
each in a process of its own framework and environment, but for the passes of the
update, which share its process.
"""

import argparse
import contextlib
import importlib.util
import operator
import os
import pathlib
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

sys.path[0] = str(ROOT := pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import Worker, in_turns, medians, positive, report  # noqa: E402
from ebm_tf.config.chains import Persistent  # noqa: E402
from ebm_tf.config.classifier import ClassifierNetwork  # noqa: E402
from ebm_tf.config.joint import JointTraining  # noqa: E402
from ebm_tf.config.parts import Data, Langevin  # noqa: E402

NOISE_IMAGES = f"{ROOT / 'benchmarks' / 'jem_tensorflow.py'}:noise"

UPDATE, PASSES = "update_ms", "passes_ms"
ENTROPY, PLAIN = "cross_entropy_ms", "plain_passes_ms"
PYTORCH = ("pytorch_ms", "pytorch_one_thread_ms")
# Which process of TensorFlow measures what.
PARTS = {UPDATE: "joint", PASSES: "joint", PLAIN: "plain", ENTROPY: "cross_entropy"}
NAMES = {
    UPDATE: "an update",
    PASSES: "its passes alone",
    PLAIN: "the same in plain TensorFlow",
    ENTROPY: "an update of cross-entropy",
    PYTORCH[0]: "an update by PyTorch",
    PYTORCH[1]: "the same by one thread",
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that --json prints."""
    settings, config = vars(options), experiment(options)
    with contextlib.ExitStack() as stack:

        def started(module: str, settings: Any, **environment: str) -> Worker:
            worker = Worker(f"benchmarks.{module}", settings, environment)
            return stack.enter_context(worker)

        workers = {
            part: started("jem_tensorflow", (part, config))
            for part in dict.fromkeys(PARTS.values())
        }
        asked = {name: workers[part] for name, part in PARTS.items()}
        if importlib.util.find_spec("torch"):
            # Threads that wait would spin on cores that others use.
            pytorch = started("jem_pytorch", settings, OMP_WAIT_POLICY="PASSIVE")
            asked |= dict.fromkeys(PYTORCH, pytorch)
        rounds = in_turns(asked, options.rounds)
    times = dict.fromkeys(NAMES) | medians(rounds)
    return {
        **times,
        **compared(rounds),
        "cross_entropies_by_passes": (2 * options.num_steps + 6) / 3,
        **settings,
        "cpus": os.cpu_count(),
        "every_round": rounds,
    }


def experiment(options: argparse.Namespace) -> JointTraining:
    """JEM of noise images at the size that is asked for."""
    return JointTraining(
        name="jem",
        data=Data(name=NOISE_IMAGES, image_size=options.image_size),
        validation_split="validation",
        classifier=ClassifierNetwork(
            architecture="wide_resnet",
            depth=options.depth,
            width=options.width,
            norm="none",
            activation="leaky_relu",
        ),
        langevin=Langevin(drift=1.0, noise=0.01),
        chains=Persistent(
            start="noise",
            bank_size=options.bank_size,
            num_steps=options.num_steps,
            rejuvenation=0.05,
        ),
        batch=options.batch,
    )


def compared(rounds: Mapping[str, list[float]]) -> dict[str, float | None]:
    """What an update costs, and how much faster it is than its rivals.

    It costs so many times its passes, and so many updates of the cross-entropy. Of all
    ratios of a round the median is taken: what follows one another had the same load.
    """

    def over(times: Sequence[float], others: Sequence[float]) -> float:
        return statistics.median(map(operator.truediv, times, others))

    update = rounds[UPDATE]
    pytorch = [rounds[name] for name in PYTORCH if name in rounds]
    faster = list(map(min, zip(*pytorch, strict=True)))
    return {
        "cost_over_passes": over(update, rounds[PASSES]),
        "cost_over_cross_entropy": over(update, rounds[ENTROPY]),
        "speed_over_plain_passes": over(rounds[PLAIN], update),
        "speed_over_pytorch": over(faster, update) if faster else None,
    }


def lines(results: dict[str, Any]) -> Iterator[str]:
    """The report in lines."""
    size = results["image_size"]
    yield (
        f"An update of JEM, wide ResNet {results['depth']}-{results['width']} of "
        f"{size}x{size} images, batch {results['batch']}, {results['num_steps']} "
        f"Langevin steps, {results['cpus']} CPUs:"
    )
    for key, name in NAMES.items():
        time = results[key]
        yield f"  {name:30}" + (f"{time:10.1f} ms" if time else "  not here")
    yield (
        f"An update costs {results['cost_over_passes']:.2f}x its passes, and "
        f"{results['cost_over_cross_entropy']:.1f}x an update of cross-entropy, "
        f"{results['cross_entropies_by_passes']:.1f}x by counting passes."
    )
    speed = f"It is {results['speed_over_plain_passes']:.2f}x as fast as plain passes"
    if pytorch := results["speed_over_pytorch"]:
        speed += f", {pytorch:.2f}x as fast as PyTorch"
    yield f"{speed}."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Times an update of a joint energy-based model."
    )
    add = parser.add_argument
    add("--image_size", type=positive, default=32, help="at least 8")
    add("--depth", type=positive, default=10, help="10, 16, 22 and so on")
    add("--width", type=positive, default=1, help="factor of the channels")
    add("--batch", type=positive, default=64, help="images and chains of an update")
    add("--num_steps", type=positive, default=20, help="Langevin steps")
    add("--bank_size", type=positive, default=10_000, help="chains")
    return parser


if __name__ == "__main__":
    sys.exit(report(measure, lines, _parser()))
