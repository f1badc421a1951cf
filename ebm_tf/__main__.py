"""Runs whichever executable is named, or the one that a config selects.

python3 -m ebm_tf CONFIG              ebm-tf train CONFIG, once it is installed
python3 -m ebm_tf EXECUTABLE CONFIG   ebm-tf configs lists the configs
"""

import sys

from ebm_tf.config.kinds import executables
from ebm_tf.runtime import bundled
from ebm_tf.runtime.command_line import HELP
from ebm_tf.runtime.launch import main

LIST = "configs"


def command() -> int:
    """Runs a command line; returns its exit code, as `launch.main` does."""
    words = sys.argv[1:]
    if words[:1] == [LIST]:
        print("\n".join(_listed()))
        return 0
    if words[:1] and words[0] in executables():
        sys.argv[1:] = words[1:]
        return main(words[0])
    code = main(None)
    if len(words) == 1 and words[0] in HELP:
        print("\n".join(["", "CONFIG may come after one of", *_executables()]))
        print(f"  {LIST}: lists the configs that are here")
    return code


def _listed() -> list[str]:
    """The configs by name, each with its executable's first words."""
    files = bundled.config_files()
    width = max(map(len, files), default=0)
    lines = {name: bundled.first_line(path) for name, path in files.items()}
    return [f"{name:{width}}  {line}" for name, line in lines.items()]


def _executables() -> list[str]:
    return [f"  {name}: {bundled.purpose(name)}" for name in sorted(executables())]


if __name__ == "__main__":
    sys.exit(command())
