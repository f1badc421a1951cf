"""Processes that measure on request, so that what is compared takes turns."""

import argparse
import contextlib
import importlib
import json
import multiprocessing
import os
import pathlib
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection
from typing import Any

from ebm_tf.errors import UserError
from ebm_tf.runtime.cpu import INSTRUCTIONS, instructions
from ebm_tf.runtime.launch import hidden_stderr

MISTAKE = 2

# What a worker can measure, by name.
Measurements = Mapping[str, Callable[[], Any]]
# The kinds of CPU that a benchmark can be run as: oneDNN keeps to their instructions.
# Eigen, which TensorFlow uses for all else, does not.
CPUS = {"native": {}, "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}


def as_tensorflow_starts(cpu: str) -> dict[str, str]:
    """The environment of a program on such a CPU that knows nothing of oneDNN."""
    by_itself = instructions() in INSTRUCTIONS[:3] and cpu == "native"
    return {"TF_ENABLE_ONEDNN_OPTS": str(int(by_itself))}


class Worker:
    """A process of its own, with its own framework and its own threads.

    Its module has a function `measurements(settings)`, which is called once, in the
    process. Use it in a `with` statement, at whose end the process ends too.
    """

    def __init__(
        self, module: str, settings: Any, environment: Mapping[str, str] | None = None
    ):
        """Starts the process; the settings must be picklable."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve,
            args=(theirs, module, settings, environment or {}),
            daemon=True,
        )
        self.process.start()
        theirs.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.join()

    def ask(self, name: str) -> Any:
        """Measures what has this name.

        Raises:
          UserError: as the worker did.
          RuntimeError: if the worker failed; the reason is on stderr.
        """
        with contextlib.suppress(BrokenPipeError):  # its error can still be read
            self.connection.send(name)
        try:
            answer = self.connection.recv()
        except EOFError:
            raise RuntimeError(f"The process for {name} failed.") from None
        if isinstance(answer, UserError):
            raise answer
        return answer


def _serve(
    connection: Connection, module: str, settings: Any, environment: Mapping[str, str]
) -> None:
    os.environ |= environment
    try:
        os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
        with hidden_stderr():
            measurements = importlib.import_module(module).measurements
        answers: Measurements = measurements(settings)
        with contextlib.suppress(EOFError):  # raised when nobody asks any more
            while True:
                connection.send(answers[connection.recv()]())
    except UserError as error:
        connection.send(error)


def in_turns(asked: Mapping[str, Worker], rounds: int) -> dict[str, list[float]]:
    """Asks in turns, so that a busy moment hits all; the first round does not count.

    Every other round goes backwards: a measurement that follows one of the same process
    finds its memory and threads warm, which shall help each as often.

    Args:
      asked: measurements and the workers that make them.
      rounds: how many times each counts; an even number is fair to all.

    Returns:
      Every round of every measurement.
    """
    answers: dict[str, list[float]] = {name: [] for name in asked}
    for index in range(1 + rounds):
        for name in list(asked)[:: -1 if index % 2 else 1]:
            answers[name].append(asked[name].ask(name))
    return {name: values[1:] for name, values in answers.items()}


def medians(answers: Mapping[str, list[float]]) -> dict[str, float]:
    """The median of every measurement."""
    return {name: statistics.median(values) for name, values in answers.items()}


def milliseconds(call: Callable[[], Any], count: int = 1) -> float:
    """The time of a call that waits for its result, over the count of what it does."""
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start) / count


def peak_bytes() -> int:
    """The most that this process held in memory so far."""
    # The usual number, below, starts at that of the parent process.
    status = pathlib.Path("/proc/self/status")
    if status.exists() and (
        peak := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())
    ):
        return 1024 * int(peak[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def positive(text: str) -> int:
    """An option that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected {value} to be at least 1")
    return value


def report(
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    lines: Callable[[dict[str, Any]], Iterator[str]],
    parser: argparse.ArgumentParser,
    rounds: int = 4,
) -> int:
    """Measures and prints lines, or one JSON object; the exit code."""
    add = parser.add_argument
    add("--rounds", type=positive, default=rounds, help="of which medians are taken")
    add("--json", action="store_true", help="print one JSON object")
    add("--cpu", choices=CPUS, default="native", help="measure as on such a CPU")
    options = parser.parse_args()
    # Of all workers too.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", **CPUS[options.cpu]}
    try:
        results = measure(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    print(json.dumps(results) if options.json else "\n".join(lines(results)))
    return 0
