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

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "ebm_tf"
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))
# What only some packages may use, besides executables.
RESERVED = {
    "absl": {"runtime"},
    "os.environ": {"runtime", "store"},
    "os.getenv": {"runtime", "store"},
    "tensorflow.io": {"runtime", "store", "evaluation"},
}
VAGUE_NAMES = {"utils", "util", "common", "misc", "helpers", "base"}


def read_places() -> dict[str, int]:
    """The layer of each package, from the top; executables are above them all."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (table,) = [c["layers"] for c in contracts if c["type"] == "layers"]
    return {
        room: layer
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


def is_executable(room: str) -> bool:
    """Whether a module directly below the package is in no layer."""
    return bool(room) and room not in PLACES


def broken_rules(module: str, source: str) -> list[str]:
    """What a module of the package does that its layer does not allow."""
    tree, room, broken = ast.parse(source), room_of(module), []
    for name in imports(tree):
        other = room_of(name) if name.split(".")[0] == PACKAGE else ""
        # An executable may build on another one; nothing else may know one.
        if not room or not other or other == room or is_executable(room):
            continue
        if is_executable(other) or PLACES[other] <= PLACES[room]:
            broken.append(f"{module} imports {name}")
    for name in {*imports(tree), *attributes(tree)}:
        if f"{name}.".startswith("matplotlib.") and not module.endswith(".plots"):
            broken.append(f"{module} uses {name}, which is for modules named plots")
        for reserved, rooms in RESERVED.items():
            allowed = is_executable(room) or room in rooms or module == PACKAGE
            if f"{name}.".startswith(f"{reserved}.") and not allowed:
                broken.append(f"{module} uses {name}, which is for {rooms}")
    return broken


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_point_down(path):
    assert broken_rules(dotted(path), path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_every_module_has_a_place_and_a_telling_name(path):
    module = dotted(path)
    if is_executable(room_of(module)) and module != "ebm_tf.__main__":
        assert path.parent.name == PACKAGE, "name its layer in pyproject.toml"
        assert f'main("{path.stem}")' in path.read_text(), "an executable starts so"
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
        ("ebm_tf.runtime.loop", "from ebm_tf.models import sngan"),
        ("ebm_tf.evaluation.quality", "from ebm_tf import fid"),
    ],
)
def test_a_planted_violation_is_found(module, source):
    assert broken_rules(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("ebm_tf.train", "from absl import app\nfrom ebm_tf.runtime import launch"),
        ("ebm_tf.runtime.plots", "import matplotlib.pyplot as plt"),
        ("ebm_tf.evaluation.plots", "import matplotlib.pyplot as plt"),
        ("ebm_tf.runtime.workspace", "import tensorflow as tf\ntf.io.gfile.exists('')"),
        ("ebm_tf.models.sngan", "from ebm_tf.models import blocks"),
        ("ebm_tf.learning.ebm", "from ebm_tf import energies, errors"),
        ("ebm_tf.train_longrun", "from ebm_tf import train"),
        ("ebm_tf.sampling.segments", "from ebm_tf.runtime.loop import Loop"),
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
