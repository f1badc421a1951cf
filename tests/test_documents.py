"""README and docs: links lead somewhere, and what is named exists."""

import pathlib
import re

import pytest

from tests.runs import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "DESIGN.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CONFIG = re.compile(r"\bconfigs(?:_fid|_attack)?/\w+\.py\b")
SCRIPT = re.compile(r"\b(?:ebm_tf|tools|benchmarks)/[\w/]+\.py\b")


def anchors(page: pathlib.Path) -> set[str]:
    """Those of the headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if link.startswith(("http", "mailto")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.is_file(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    text = page.read_text()
    for name in {*CONFIG.findall(text), *SCRIPT.findall(text)} - {"configs/NAME.py"}:
        assert "NAME" in name or (ROOT / name).is_file(), f"{page.name}: {name}"


def test_the_readme_names_every_executable_and_every_page():
    text = (ROOT / "README.md").read_text()
    for path in (ROOT / "ebm_tf").glob("*.py"):
        if path.read_text().find("main(") > 0 and path.stem != "__main__":
            assert f"ebm_tf/{path.name}" in text, path.name
    for page in PAGES[3:]:
        assert f"docs/{page.name}" in text, page.name


def test_every_config_for_learning_is_listed():
    text = (ROOT / "docs" / "configs.md").read_text()
    listed = set()
    for name in re.findall(r"`([\w{},]+)`", text):
        head, brace, rest = name.partition("{")
        names, _, tail = rest.partition("}")
        listed |= {head + part + tail for part in names.split(",")} if brace else {name}
    present = {path.stem for path in (ROOT / "configs").glob("*.py")}
    assert present - listed == set()
