"""Every tool finds the package from any folder, in a process of its own."""

import ast
import subprocess
import sys

import pytest

from tests.runs import ROOT

TOOLS = sorted((ROOT / "tools").glob("*.py"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_help_is_the_docstring(tmp_path, tool):
    done = subprocess.run(
        [sys.executable, str(tool), "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = ast.get_docstring(ast.parse(tool.read_text()), clean=False)
    assert text and done.stdout.startswith(text)
