"""What the command lines of tools/ share.

A tool does its heavy imports within its work, after its first line is printed.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Container

import absl.logging
from absl import flags

from ebm_tf.errors import UserError

DONE, MISTAKE, INTERRUPTED = 0, 2, 130
_HELP = {"--help", "-help", "-h"}
# No start-up noise, and no tool needs a GPU or fast matrix products.
_ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "",
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def main(
    work: Callable[..., None],
    usage: str,
    num_words: Container[int] = (2,),
    *,
    interrupted: str = "nothing was written",
) -> int:
    """Runs the work of a tool on the words of the command line.

    Args:
      work: gets the words that are no flags, and prints what it did; flags are read
        before it begins.
      usage: the command, as a user writes it.
      num_words: how many words there may be.
      interrupted: what a user should know where the work was stopped.

    Returns:
      The exit code: 0 done, or help was asked for; 2 a mistake of the user; 130
      interrupted.
    """
    if _HELP & set(sys.argv[1:]):
        print(f"{sys.modules[work.__module__].__doc__}\n{_flags()}")
        return DONE
    os.environ |= _ENVIRONMENT
    absl.logging.set_verbosity(absl.logging.ERROR)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may be no text
    try:
        words = flags.FLAGS(sys.argv)[1:]
        if len(words) not in num_words:
            raise UserError(f"expected {usage}")
        work(*words)
    except (UserError, flags.Error) as error:
        print(f"Error: {error}", file=sys.stderr)
        return MISTAKE
    except KeyboardInterrupt:
        print(f"Stopped: {interrupted}.", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _flags() -> str:
    """The flags of the tool, as absl prints them, without its path above them."""
    return flags.FLAGS.main_module_help().split(":", 1)[-1].strip("\n")
