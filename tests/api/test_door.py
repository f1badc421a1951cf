"""`import ebm_tf`: what it offers, and that it costs nothing until it is used."""

import ast
import importlib
import subprocess
import sys
import tomllib

import pytest

import ebm_tf
from tests.runs import ROOT

HEAVY = {"tensorflow", "keras", "numpy", "matplotlib", "PIL", "sklearn"}


def typed_names() -> dict[str, str]:
    """The names that type checkers see, and the modules that these are from."""
    tree = ast.parse((ROOT / "ebm_tf" / "__init__.py").read_text())
    (block,) = (
        node for node in tree.body if isinstance(node, ast.If) and _is_typing(node)
    )
    return {
        alias.name: str(node.module)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _is_typing(node: ast.If) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_importing_it_imports_nothing_heavy():
    program = "import ebm_tf, sys; print(*sys.modules); ebm_tf.__version__, dir(ebm_tf)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    assert modules & HEAVY == set()
    assert {name for name in modules if name.startswith("ebm_tf")} == {"ebm_tf"}


def test_every_name_is_what_type_checkers_see():
    names = typed_names()
    assert sorted(names) == sorted(ebm_tf.__all__) == ebm_tf.__all__
    for name, module in names.items():
        value = getattr(ebm_tf, name)
        assert value is getattr(importlib.import_module(module), name)
        assert value.__doc__
    assert set(ebm_tf.__all__) <= set(dir(ebm_tf))


def test_executables_stay_modules():
    from ebm_tf import fid, train

    assert train.__file__.endswith("train.py") and fid.__file__.endswith("fid.py")
    assert ebm_tf.train is train
    files = {path.stem for path in (ROOT / "ebm_tf").glob("*.py")}
    assert files & set(ebm_tf.__all__) == set()


def test_what_is_not_there_is_told():
    with pytest.raises(AttributeError, match="'ebm_tf' has no attribute 'nonsense'"):
        _ = ebm_tf.nonsense  # pyright: ignore[reportAttributeAccessIssue]


def test_it_is_typed_and_has_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "ebm_tf.__version__"
    }
    assert (ROOT / "ebm_tf" / "py.typed").exists()
