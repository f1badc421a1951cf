"""Sources of weights: a weight file, a run folder, release:NAME or latest:NAME."""

import dataclasses
import functools
import json
import os
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.core import Experiment, from_mapping, to_mapping
from ebm_tf.config.kinds import in_folder, is_own
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.runtime.files import damaged, exists, names_in, read_json
from ebm_tf.runtime.run_folders import read_config
from ebm_tf.runtime.weight_files import FOLDER, INFIXES, SUFFIX, weights_name
from ebm_tf.runtime.workspace import CONFIG
from ebm_tf.store.releases.index import located

CONVERTED = "{}_settings.json"  # by role: the network of converted weights
# Settings of networks that a weight file may contradict and yet load: what it has
# besides the network's own weights, as those of its normalisation, is not looked at.
_UNSEEN = (
    *("activation", "batch_norm_epsilon", "norm", "energy_head", "pixel_range"),
    "raw_shortcut",
)


@dataclasses.dataclass(frozen=True)
class Source:
    """Weights that were found, and the run that they belong to.

    Attributes:
      path: of a weight file, or of a run folder.
    """

    path: str

    @property
    def is_file(self) -> bool:
        """Whether one weight file is meant, not a run."""
        return self.path.endswith(SUFFIX)

    @property
    def folder(self) -> str:
        """The run folder; of a file the one that it would lie in."""
        if self.is_file:
            return os.path.dirname(os.path.dirname(self.path))
        return self.path

    @functools.cached_property
    def config(self) -> Experiment | None:
        """The experiment that learned the weights; None where no run is around them.

        Raises:
          RunError: if it cannot be read.
        """
        if not exists(os.path.join(self.folder, CONFIG)):
            return None
        return read_config(self.folder)

    def network(self, role: str) -> Any:
        """The settings of a network in the run; None where there is no such run.

        A classifier that `tools/convert_weights.py` wrote has settings, too.

        Raises:
          ConfigError: if the run has no such network.
        """
        if self.config is None:
            there = self._settings(role)
            kind = ClassifierNetwork
            is_known = there.get("type") == kind.__name__
            return from_mapping(kind, there) if is_known else None
        if not self.has(role):
            article = "an" if role[0] in "aeiou" else "a"
            raise ConfigError(
                f"{self.folder} is a run of {self.config.executable}.py and did not "
                f"learn {article} {role}."
            )
        return getattr(self.config, role)

    def has(self, role: str) -> bool:
        """Whether there is a run, and it learned or has such a network."""
        learns = hasattr(self.config, "num_updates")
        return learns and getattr(self.config, role, None) is not None

    def steps(self, role: str, kind: str = "averaged") -> list[int]:
        """The numbers of updates after which the run saved a network's weights."""
        pattern = re.compile(
            rf"{re.escape(role + INFIXES[kind])}_(\d+){re.escape(SUFFIX)}"
        )
        names = names_in(os.path.join(self.folder, FOLDER))
        return sorted(int(m[1]) for name in names if (m := pattern.fullmatch(name)))

    def file(self, role: str, kind: str = "best", step: int | None = None) -> str:
        """The weight file of a network.

        Args:
          role: of the network in the run; one that did not learn has one file.
          kind: "averaged", "raw", "selected" by a measurement while it was learned,
            or "best": selected where there is such a file, else averaged.
          step: updates that it had made; the newest if None, and for selected ones.

        Raises:
          WeightsError: if there is none.
        """
        if self.is_file:
            return self.path
        frozen = self._path(weights_name(role))
        if exists(frozen):
            return frozen
        selected = self._path(weights_name(role, kind="selected"))
        if kind in ("best", "selected") and step is None and exists(selected):
            return selected
        kind = "averaged" if kind == "best" else kind
        steps = self.steps(role, kind)
        if not steps or step not in (None, *steps):
            when = "" if step is None else f" at update {step}"
            there = ", ".join(newest_weights(self.folder)) or "none at all"
            raise WeightsError(
                f"The run {self.folder} holds no {kind} weights of its {role}{when}; "
                f"the newest that it holds: {there}."
            )
        return self._path(weights_name(role, step or steps[-1], kind=kind))

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, FOLDER, name)

    def require_settings(
        self, path: str, settings: Any, role: str, role_there: str
    ) -> None:
        """Checks settings that the loading of weights would not miss.

        They are compared with the run of the weights, or with what
        `tools/convert_weights.py` wrote beside them, if there is either. What was
        written before there was such a setting has its default.

        Args:
          path: of the weight file, for the message.
          settings: of the network that gets the weights.
          role: of that network, for the message.
          role_there: its role in the run.

        Raises:
          WeightsError: if one differs.
        """
        there = self._settings(role_there)
        self._require_own(path, settings, role, role_there, there)
        given = json.loads(json.dumps(to_mapping(settings)))  # as JSON has it
        for name in _UNSEEN:
            usual = getattr(type(settings), name, None)
            here = given.get(name, usual)
            learned = there.get(name, usual if there else here)
            if here != learned:
                raise WeightsError(
                    f"The weights {path} are for {name}={learned}, but "
                    f"{role}.{name}={here}: --set {role}.{name}={learned}."
                )

    def _require_own(
        self,
        path: str,
        settings: Any,
        role: str,
        role_there: str,
        there: Mapping[str, Any],
    ) -> None:
        """Checks that weights of a network of the user's own are for one like it."""
        learned = str(there.get("architecture"))
        if not is_own(learned):
            return
        here = getattr(settings, "architecture", "")
        if not is_own(here) or in_folder(here, "") != in_folder(learned, ""):
            kept = getattr(self.network(role_there), "architecture", learned)
            raise WeightsError(
                f"The weights {path} are of the network {learned}: --set "
                f"{role}.architecture={kept}."
            )

    def _settings(self, role: str) -> dict[str, Any]:
        """The settings of a network as JSON; empty where they are unknown."""
        converted = os.path.join(self.folder, CONVERTED.format(role))
        config = os.path.join(self.folder, CONFIG)
        if exists(converted):
            path, name = converted, "network"
        elif exists(config):
            path, name = config, role
        else:
            return {}
        found = read_json(path).get(name) or {}
        if not isinstance(found, dict):
            raise damaged(path, f"{name} holds no values by name")
        return found


def find(source: str) -> Source:
    """Finds the weights that a setting names.

    Args:
      source: a weight file, a run folder, ``release:NAME``, or ``latest:NAME``, the
        newest finished run of that name in ``runs``.

    Raises:
      UserError: if there is none.
    """
    path = located(source).rstrip("/")
    is_run = exists(os.path.join(path, CONFIG)) or tf.io.gfile.isdir(
        os.path.join(path, FOLDER)
    )
    if not is_run and not (path.endswith(SUFFIX) and exists(path)):
        archive = f" tools/release.py install {path} unpacks a release."
        hint = archive if path.endswith(".zip") else ""
        raise WeightsError(
            f"No weights at {path}: expected a file *{SUFFIX}, a run folder, "
            f"release:NAME or latest:NAME.{hint}"
        )
    return Source(path)


def newest_weights(run: str) -> list[str]:
    """The names of the newest weight files of every role and kind in a run folder."""
    pattern = re.compile(rf"(.+?)(_\d+)?{re.escape(SUFFIX)}")
    newest: dict[str, str] = {}
    names = names_in(os.path.join(run, FOLDER))
    for name in sorted(names, key=lambda name: (len(name), name)):
        if match := pattern.fullmatch(name):
            newest[match[1]] = name
    return sorted(newest.values())
