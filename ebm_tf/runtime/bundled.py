"""What the program is distributed with: configs and releases.

They lie beside the package in a checkout, and in its folder `bundled` once it is
installed, where `setup.py` puts them.
"""

import ast
import pathlib
import sys

from ebm_tf.config import core
from ebm_tf.config.core import Experiment

PACKAGE = pathlib.Path(__file__).resolve().parents[1]
INSTALLED = PACKAGE / "bundled"
ROOT = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent
CONFIG_FOLDERS = ("configs", "configs_fid", "configs_attack")


def config_files() -> dict[str, pathlib.Path]:
    """The files of all configs by their names, each of which is there once."""
    folders = (ROOT / folder for folder in CONFIG_FOLDERS)
    return {
        path.stem: path for folder in folders for path in sorted(folder.glob("*.py"))
    }


def config_file(word: str) -> str:
    """The path of a config: the word itself, or the file of that name without ending.

    Files of users come first.
    """
    is_name = not pathlib.Path(word).suffix and not pathlib.Path(word).exists()
    return str(config_files().get(word, word)) if is_name else word


def first_line(path: pathlib.Path) -> str:
    """That of the docstring of a file, which is not run."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]


def purpose(executable: str) -> str:
    """What an executable does, by the first line of its file."""
    return first_line(PACKAGE / f"{executable}.py").partition(": ")[0]


def make_importable() -> None:
    """Lets configs import one another as `configs.NAME`, from any working directory."""
    if str(ROOT) not in sys.path:
        sys.path.append(str(ROOT))


def open_config(word: str) -> Experiment:
    """The experiment of a config file, or of a config's name.

    Raises:
      ConfigError: if there is no such file, or it defines none.
    """
    make_importable()
    return core.load(config_file(word))
