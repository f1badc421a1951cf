"""Every setting of every config says what it means, and --help shows it."""

import dataclasses

import pytest

from ebm_tf.config import core
from ebm_tf.config.core import Settings
from ebm_tf.config.descriptions import described
from ebm_tf.config.folders import ImagePurification
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import Langevin
from tests.runs import DIGITS, ROOT, run_here

CONFIGS = sorted(ROOT.glob("configs*/*.py"))


def paths(settings: Settings, prefix: str = "") -> list[str]:
    """The dotted paths of all settings, as --set takes them."""
    found = []
    for field in dataclasses.fields(settings):  # pyright: ignore[reportArgumentType]
        value = getattr(settings, field.name)
        found.append(f"{prefix}{field.name}")
        if isinstance(value, Settings):
            found += paths(value, f"{prefix}{field.name}.")
    return found


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_setting_has_a_type_a_value_and_a_meaning(path):
    config = core.load(str(path))
    lines = list(described(config))
    heads = [index for index, line in enumerate(lines) if line[2] != " "]
    assert [lines[i].strip().partition(":")[0] for i in heads] == paths(config)
    for index in heads:
        meaning = lines[index + 1 : index + 2]
        assert meaning and meaning[0].startswith("      "), lines[index]
    assert max(map(len, lines)) <= 100


def test_a_setting_stands_as_it_would_be_set():
    config = ImagePurification(
        name="it", weights="x", num_steps=3, langevin=Langevin(noise=0.5)
    )
    text = "\n".join(described(config))
    assert (
        "  num_steps: int = 3\n      of the chain that begins from each image." in text
    )
    assert "\n  langevin.noise: float = 0.5\n" in text
    assert (
        "\n  weights: str = 'x'\n      the model: a run folder, release:NAME," in text
    )
    changed = override(config, ["langevin.noise=0.25"])
    assert "\n  langevin.noise: float = 0.25\n" in "\n".join(described(changed))


def test_help_after_a_config_shows_its_settings():
    done = run_here(DIGITS, "--set", "batch=7", "--help")
    assert (done.code, done.err) == (0, "")
    flags, _, settings = done.out.partition("The settings of digits_nonconv:\n")
    assert "--set: key.path=value" in flags
    assert "\n  batch: int = 7\n      images and chains per update" in settings
    done = run_here(DIGITS, "--set", "batches=7", "--help")
    assert done.code == 2 and "'batches'; the nearest are batch" in done.err
