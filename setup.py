"""Puts configs and releases, which lie beside the package, into what is installed.

All else about the package is in pyproject.toml.
"""

from setuptools import find_packages, setup

BUNDLED = ("configs", "configs_attack", "configs_fid", "releases")

setup(
    packages=[
        *find_packages(include=["ebm_tf*"]),
        *(f"ebm_tf.bundled.{folder}" for folder in BUNDLED),
    ],
    package_dir={f"ebm_tf.bundled.{folder}": folder for folder in BUNDLED},
    package_data={
        "ebm_tf": ["py.typed"],
        "ebm_tf.bundled.releases": ["*.zip", "index.json"],
    },
)
