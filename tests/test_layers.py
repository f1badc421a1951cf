"""The layers of DESIGN.md, checked without import-linter.

The one table of layers is import-linter's, in pyproject.toml.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ebm_tf"
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))
# What only the rooms named beside it may use.
RESERVED = {
    "matplotlib": "figures of runtime",
    "absl": "runtime and the executables",
    "os.environ": "runtime and the executables",
    "os.getenv": "runtime and the executables",
    "tensorflow.io": "runtime and the executables",
}
VAGUE_NAMES = {"utils", "util", "common", "misc", "helpers", "base"}


class Place(NamedTuple):
    """Where a room stands: its layer from the top, and whether it sees that layer."""

    layer: int
    sees_siblings: bool


def read_places() -> dict[str, Place]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (table,) = [c["layers"] for c in contracts if c["type"] == "layers"]
    return {
        room: Place(layer, sees_siblings=":" in rooms)
        for layer, rooms in enumerate(table)
        for room in re.findall(r"\w+", rooms)
    }


PLACES = read_places()


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The part of a dotted name below the package; empty for the package itself."""
    return module.split(".")[1] if module.count(".") else ""


def imports(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that is imported; of `from a import b`, both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer: write them out"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def attributes(tree: ast.AST) -> Iterator[str]:
    """Dotted attributes of imported modules, by the names of the modules."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in names:
                yield f"{names[node.value.id]}.{node.attr}"


def is_runtime_or_above(room: str) -> bool:
    return room in PLACES and PLACES[room].layer <= PLACES["runtime"].layer


def broken_rules(module: str, source: str) -> list[str]:
    """What a module of the package does that its layer does not allow."""
    tree = ast.parse(source)
    room = room_of(module)
    broken = []
    for name in imports(tree):
        other = room_of(name) if name.split(".")[0] == PACKAGE else ""
        if not room or not other or other == room or other not in PLACES:
            continue
        mine, theirs = PLACES[room], PLACES[other]
        beside = theirs.layer == mine.layer and not mine.sees_siblings
        if theirs.layer < mine.layer or beside:
            broken.append(f"{module} imports {name}")
    for name in {*imports(tree), *attributes(tree)}:
        for reserved, owners in RESERVED.items():
            if not f"{name}.".startswith(f"{reserved}."):
                continue
            if owners == "figures of runtime":
                allowed = room == "runtime" and module.endswith("figures")
            else:
                allowed = is_runtime_or_above(room)
            if not allowed:
                broken.append(f"{module} uses {name}, which is for {owners}")
    return broken


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_down(path):
    assert broken_rules(dotted(path), path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_every_module_has_a_place_and_a_telling_name(path):
    module = dotted(path)
    assert room_of(module) in {"", *PLACES}, "name its layer in pyproject.toml"
    name = module.rsplit(".", 1)[-1]
    assert name not in VAGUE_NAMES
    assert name == "__main__" or name not in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ebm_tf.energies", "import ebm_tf.runtime.launch"),
        ("ebm_tf.energies", "from ebm_tf import runtime"),
        ("ebm_tf.models.sngan", "from ebm_tf.data.sources import DATASETS"),
        ("ebm_tf.errors", "def late():\n    from ebm_tf.config import core"),
        ("ebm_tf.learning.ebm", "import matplotlib.pyplot as plt"),
        ("ebm_tf.runtime.launch", "from matplotlib import pyplot"),
        ("ebm_tf.models.sngan", "from absl import logging"),
        ("ebm_tf.data.sources", "import os\nos.environ['A']"),
        ("ebm_tf.data.sources", "from os import environ"),
        ("ebm_tf.data.sources", "import tensorflow as tf\ntf.io.gfile.exists('')"),
        ("ebm_tf.data.sources", "from tensorflow import io"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert broken_rules(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ebm_tf.train", "from absl import app\nfrom ebm_tf.runtime import launch"),
        ("ebm_tf.runtime.plots", "import matplotlib.pyplot as plt"),
        ("ebm_tf.runtime.classifiers.figures", "import matplotlib.pyplot as plt"),
        ("ebm_tf.runtime.workspace", "import tensorflow as tf\ntf.io.gfile.exists('')"),
        ("ebm_tf.models.sngan", "from ebm_tf.models import blocks"),
        ("ebm_tf.learning.ebm", "from ebm_tf import energies, errors"),
    ],
)
def test_what_the_layers_allow_is_let_through(module, source):
    assert broken_rules(module, source) == []


@pytest.mark.parametrize("room", ["config", "errors"])
def test_words_load_without_tensorflow(room):
    modules = [dotted(path) for path in MODULES if room_of(dotted(path)) == room]
    program = (
        f"import sys, {', '.join(modules)}\n"
        "heavy = {'tensorflow', 'keras', 'tensorflow_datasets', 'matplotlib'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == []
