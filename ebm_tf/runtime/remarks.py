"""What a measurement says of the runs that learned what it measures."""

import dataclasses
from collections.abc import Iterator

from ebm_tf.config.parts import Data
from ebm_tf.config.splits import overlap
from ebm_tf.runtime.workspace import Workspace


@dataclasses.dataclass(frozen=True)
class Remarks:
    """Notes and warnings.

    Attributes:
      notes: what is otherwise than one may think, without a full stop.
      warnings: reasons not to believe the figures, whole sentences.
    """

    notes: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def __add__(self, other: "Remarks") -> "Remarks":
        """Both."""
        return Remarks(self.notes + other.notes, self.warnings + other.warnings)

    def lines(self) -> Iterator[str]:
        """For a dry run."""
        yield from (f"note: {note}" for note in self.notes)
        yield from (f"warning: {warning}" for warning in self.warnings)

    def log_notes(self, workspace: Workspace) -> None:
        """Tells the notes at the beginning of a run; warnings belong to its end."""
        for note in self.notes:
            workspace.log(f"Note: {note}.")


def seen_images(
    role: str, learned: Data, measured: Data, *, flattered: str
) -> list[str]:
    """A warning where a network has, or may have, seen images that are attacked.

    Args:
      role: of the network.
      learned: the images that it was learned from.
      measured: the images that are attacked.
      flattered: what looks better for it.
    """
    shared = learned.name == measured.name and overlap(learned.split, measured.split)
    if shared is False:
        return []
    shares, looks = ("shares", "looks") if shared else ("may share", "may look")
    return [
        f"The {role} was learned from {learned.split}, which {shares} images with the "
        f"{measured.split} that is attacked: the {flattered} {looks} better than it is."
    ]
