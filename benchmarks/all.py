"""Runs every benchmark at a small size, and compares the figures with earlier ones.

python3 benchmarks/all.py [--json FILE] [--against FILE] [--only NAME ...]
                          [--cpu native]

About four minutes on two AVX512 cores. The file holds what each benchmark prints with
--json, and the machine. Of a comparison, ratios come first: each was measured in one
run, so they are much the same on a busy machine, while milliseconds are not.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

sys.path[0] = str(ROOT := pathlib.Path(__file__).resolve().parents[1])

from benchmarks.workers import CPUS, MISTAKE  # noqa: E402
from ebm_tf.runtime import cpu  # noqa: E402

SIZES = {
    "langevin": "--batch 32 --rounds 4",
    "learning_step": "--num_steps 20 --bank_size 5000 --rounds 2",
    "attack": "--batch 16 --pgd_steps 10 --apgd_steps 20 --rounds 2",
    "jem": "--rounds 2",
    "fid": "--num_images 1000 10000 --num_steps 1000 --rounds 1",
}
_RATIOS = ("_over_", "_share", "banks_held")
_SEPARATE = "every_round"  # what medians were taken of


def measure(names: list[str], kind: str) -> dict[str, Any]:
    """What each benchmark prints, and what it ran on."""
    found: dict[str, Any] = {}
    for name in names:
        print(f"{name} {SIZES[name]}", file=sys.stderr, flush=True)
        script = ROOT / "benchmarks" / f"{name}.py"
        options = [*SIZES[name].split(), "--json", "--cpu", kind]
        done = subprocess.run(
            [sys.executable, script, *options], stdout=subprocess.PIPE, check=True
        )
        found[name] = json.loads(done.stdout)
    machine = {"measured_as": kind, **cpu.facts()}
    return {"time": int(time.time()), "machine": machine, "benchmarks": found}


def figures(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """All numbers below a name, under dotted names."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if _SEPARATE not in key and key != "options":
                yield from figures(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from figures(part, f"{name}.{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def lines(now: dict[str, Any], before: dict[str, Any] | None) -> Iterator[str]:
    """A figure a line, ratios first, each beside the earlier one where there is one."""
    earlier = dict(figures(before["benchmarks"])) if before else {}
    if before and before["machine"] != now["machine"]:
        yield f"before on {before['machine']}, now on {now['machine']}"
    found = sorted(figures(now["benchmarks"]), key=lambda row: not _is_ratio(row[0]))
    yield f"{'':52}{'now':>12}" + (f"{'before':>12}{'change':>9}" if before else "")
    for name, value in found:
        line = f"{name:52}{value:12.4g}"
        if name in earlier:
            then = earlier[name]
            change = f"{value / then - 1:+9.1%}" if then else ""
            line += f"{then:12.4g}{change}"
        yield line


def _is_ratio(name: str) -> bool:
    return any(part in name for part in _RATIOS)


def main() -> int:
    """Measures, writes and compares; the exit code."""
    parser = argparse.ArgumentParser(description="Runs every benchmark.")
    add = parser.add_argument
    add("--json", metavar="FILE", help="where all figures go")
    add("--against", metavar="FILE", help="an earlier one, to compare with")
    add("--only", nargs="+", choices=SIZES, default=list(SIZES), help="benchmarks")
    add("--cpu", choices=CPUS, default="native", help="measure as on such a CPU")
    options = parser.parse_args()
    try:
        before = options.against and json.loads(
            pathlib.Path(options.against).read_text()
        )
        if options.json:
            pathlib.Path(options.json).touch()  # told before minutes are spent
        now = measure(options.only, options.cpu)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    except ValueError as error:
        print(f"error: {options.against}: {error}", file=sys.stderr)
        return MISTAKE
    except subprocess.CalledProcessError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISTAKE
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(now, indent=2) + "\n")
    print("\n".join(lines(now, before)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
