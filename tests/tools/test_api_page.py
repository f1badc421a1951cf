"""The page of `import ebm_tf`: every name, with its signature and its docstring."""

import html
import inspect
import pathlib
import re
import sys
from unittest import mock

import pytest

import ebm_tf
from tests.tools.here import run_here

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "api_page.py"


@pytest.fixture(scope="module")
def sections(tmp_path_factory) -> dict[str, str]:
    """The words of the page, by the name that they are about."""
    folder = tmp_path_factory.mktemp("page")
    done = run_here(TOOL, "out/page.html", folder=folder)
    assert (done.returncode, done.stderr) == (0, ""), done
    page = (folder / "out" / "page.html").read_text()
    _, *parts = re.split(r'<section id="(\w+)">', page)
    return {
        name: _words(part) for name, part in zip(parts[::2], parts[1::2], strict=True)
    }


def _words(part: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", part)).split())


def first_line(value: object) -> str:
    line = (inspect.getdoc(value) or "").splitlines()[0]
    return " ".join(line.replace("`", "").split())


def test_every_name_is_there_with_what_it_says_first(sections):
    for name in ebm_tf.__all__:
        line = first_line(getattr(ebm_tf, name))
        assert line and line in sections[name], name
    for name in ("energy", "classify", "generate", "purify"):
        assert first_line(getattr(ebm_tf.Model, name)) in sections["Model"]


def test_every_function_and_class_has_its_signature(sections):
    for name in set(ebm_tf.__all__) - {"UserError"}:
        shown = sections[name]
        for parameter in inspect.signature(getattr(ebm_tf, name)).parameters.values():
            assert f"{parameter.name}: " in shown, (name, parameter.name)
            if parameter.default not in (parameter.empty, None):
                assert f" = {parameter.default!r}" in shown, (name, parameter.name)
    assert "images: numpy.typing.ArrayLike" in sections["Model"]


def test_without_pdoc_it_says_what_installs_it(tmp_path):
    with mock.patch.dict(sys.modules, {"pdoc": None}):
        done = run_here(TOOL, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "Error: pdoc is not there: bash setup.sh installs it.\n"
    assert list(tmp_path.iterdir()) == []
