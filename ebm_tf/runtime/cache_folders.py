"""Where what can be made again is kept for the user; it needs no TensorFlow."""

import os


def cache_folder(name: str, variable: str) -> str:
    """What the environment variable names, or a folder below the user's home.

    Args:
      name: of what is kept, such as "releases".
      variable: of the environment.
    """
    default = os.path.join("~", ".cache", "ebm_tf", name)
    return os.path.expanduser(os.environ.get(variable) or default)
