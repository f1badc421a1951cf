"""The settings of tests on images that are corrupted, but not by an attack."""

import dataclasses

from ebm_tf.config.core import Settings, require

# What the program makes itself, in this order; `data.corruptions` says how.
MADE = ("gaussian_noise", "blur", "contrast", "brightness", "jpeg", "pixelate")
NUM_SEVERITIES = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corruptions(Settings):
    """Test images that the program corrupts itself, whatever the data.

    Attributes:
      names: of the corruptions, of `MADE`.
      severities: of each, from 1 to 5.
    """

    names: tuple[str, ...] = MADE
    severities: tuple[int, ...] = tuple(range(1, NUM_SEVERITIES + 1))

    def validate(self) -> None:
        """Checks names and severities."""
        _check_names(self.names)
        _check_severities(self.severities)
        unknown = [name for name in self.names if name not in MADE]
        require(
            bool(self.names) and not unknown,
            f"Expected names={self.names} to be of {', '.join(MADE)}.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorruptedFolder(Settings):
    """Corrupted images in files of the form of CIFAR-10-C.

    ``NAME.npy`` holds bytes [5 n, H, W, C], the same n test images at severities 1 to
    5, and ``labels.npy`` their labels, integers [5 n] (Hendrycks and Dietterich,
    2019).

    Attributes:
      folder: of the files.
      names: of the corruptions; all that are there if empty.
      severities: of each, from 1 to 5.
    """

    folder: str
    names: tuple[str, ...] = ()
    severities: tuple[int, ...] = tuple(range(1, NUM_SEVERITIES + 1))

    def validate(self) -> None:
        """Checks names and severities."""
        require(bool(self.folder), "Expected folder to name one, got ''.")
        _check_names(self.names)
        _check_severities(self.severities)


AnyCorruptions = Corruptions | CorruptedFolder


def _check_names(names: tuple[str, ...]) -> None:
    require(
        len(set(names)) == len(names), f"Expected different names, got names={names}."
    )


def _check_severities(severities: tuple[int, ...]) -> None:
    require(
        bool(severities)
        and list(severities) == sorted(set(severities))
        and 1 <= severities[0]
        and severities[-1] <= NUM_SEVERITIES,
        f"Expected severities={severities} to rise in [1, {NUM_SEVERITIES}].",
    )
