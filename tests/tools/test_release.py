"""The command line of tools/release.py."""

import pathlib
import subprocess
import sys

import pytest

from ebm_tf.store.releases.archives import digest_of
from tests.runs import ROOT
from tests.store.releases.release_files import FILES, archive
from tests.tools.here import run_here

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "release.py"


@pytest.fixture
def release(tmp_path):
    """Runs a subcommand in a folder with an empty cache."""

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        env = {"EBM_TF_RELEASES": str(tmp_path / "cache")}
        return run_here(TOOL, *words, folder=tmp_path, env=env)

    return run


def test_a_release_is_verified_installed_and_listed(release, tmp_path):
    path = archive(tmp_path / "small_one.zip", name="small_one")
    done = release("verify", "small_one.zip")
    assert (done.returncode, done.stderr) == (0, "")
    assert "frechet_pixels 0.4512" in done.stdout
    assert done.stdout.endswith("All 2 files are as in the card of small_one.zip.\n")
    done = release("install", "small_one.zip", "--sha256", digest_of(str(path)).upper())
    folder = tmp_path / "cache" / "small_one"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Installed small_one in {folder}\n"
    (line,) = [
        line
        for line in release("list").stdout.splitlines()
        if line.startswith("small_one  ")
    ]
    assert line == f"small_one  installed in {folder}  frechet_pixels 0.4512"


def test_a_tampered_archive_ends_in_code_2(release, tmp_path):
    path = archive(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    for words in (("verify", path), ("install", path)):
        done = release(*words)
        assert done.returncode == 2
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"Error: The release {path} is damaged: ")
    assert list((tmp_path / "cache").iterdir()) == []


def test_packing_over_another_archive_needs_a_flag(release, tmp_path):
    path = tmp_path / "out" / "digits_clean.zip"
    path.parent.mkdir()
    path.write_bytes(b"another")
    words = ("pack", "release:digits_clean", "--output", "out", "--allow_no_figures")
    done = release(*words)
    assert done.returncode == 2 and path.read_bytes() == b"another"
    assert "out/digits_clean.zip exists" in done.stderr
    assert "--replace" in done.stderr
    done = release(*words, "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert release("verify", path).returncode == 0


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_is_the_usage_and_the_flags(release, tmp_path, flag):
    done = release("install", flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Packs trained models into releases")
    assert "\n  --[no]again: install: also what is installed already." in done.stdout
    assert not list(tmp_path.iterdir())


def test_what_is_installed_is_verified_by_name_and_as_a_folder(release, tmp_path):
    release("install", archive(tmp_path / "small_one.zip", name="small_one"))
    folder = tmp_path / "cache" / "small_one"
    for source in ("small_one", "release:small_one", folder):
        done = release("verify", source)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(f"All 2 files are as in the card of {folder}.\n")
    (folder / "config.json").write_bytes(b"x" * len(FILES["config.json"]))
    for source in ("small_one", folder):
        done = release("verify", source)
        assert done.returncode == 2
        assert "config.json has another SHA-256 than its card says" in done.stderr


def test_what_is_bundled_is_verified_by_name(release, tmp_path):
    for source in ("digits_conv", "release:digits_conv"):
        done = release("verify", source)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("releases/digits_conv.zip.\n")
    assert not (tmp_path / "cache").exists()


def test_all_archives_of_a_folder_are_verified(release, tmp_path):
    done = release("verify", ROOT / "releases")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("files are as in the card of") == len(
        list((ROOT / "releases").glob("*.zip"))
    )
    (tmp_path / "none").mkdir()
    done = release("verify", tmp_path / "none")
    assert done.returncode == 2 and "holds no release" in done.stderr


def test_a_release_that_differs_from_that_of_the_program_is_marked(release, tmp_path):
    mark = "  differs from the bundled one"
    release("install", archive(tmp_path / "own.zip", name="digits_conv"))
    assert f"frechet_pixels 0.4512{mark}\n" in release("list").stdout
    assert release("install", "digits_conv").returncode == 0
    assert mark not in release("list").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected python3 tools/release.py pack RUN | verify SOURCE"),
        (["verify"], "expected python3 tools/release.py"),
        (["list", "it"], "expected python3 tools/release.py"),
        (["remove", "it"], "expected python3 tools/release.py"),
        (["install", "a.zip", "--sha256", "12"], "Expected --sha256=12 to have 64"),
        (["install", "a.zip", "--sha256", "g" * 64], "to have 64 hexadecimal digits"),
        (["install", "no_such_thing"], "No release is named 'no_such_thing'"),
        (["verify", "release:none"], "No release is named 'none'"),
        (["verify", "none.zip"], "No release at none.zip"),
        (["pack", "none"], "none is not the folder of a run"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(release, tmp_path, words, message):
    done = release(*words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and message in line
    assert not list(tmp_path.iterdir())


def test_what_needs_no_tensorflow_loads_none():
    """Looking through releases is answered at once."""
    program = (
        "import sys, runpy\n"
        f"sys.argv = [{str(TOOL)!r}]\n"
        f"runpy.run_path({str(TOOL)!r}, run_name='loaded')\n"
        "print(*sorted({'tensorflow', 'keras', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
