"""Experiments that compare two sets of images."""

import dataclasses
from typing import ClassVar

from ebm_tf.config.core import Experiment, require
from ebm_tf.config.fid import FeatureName
from ebm_tf.config.own_networks import OwnNetwork, require_own


@dataclasses.dataclass(frozen=True, kw_only=True)
class SetComparison(Experiment):
    """Measures how alike two sets of images are.

    Attributes:
      images: a folder or zip of PNG, JPEG, WebP, BMP or TIFF files, at any depth, or an
        npz or npy file of an array.
      reference: likewise; or an npz file of moments, `mu` and `sigma`.
      features: by what they are compared: "inception_2015", by which published
        distances are made; "inception_keras", "classifier" and "pixels", which are
        comparable with themselves only.
      weights: of the features: the graph of 2015; or the run or release of a
        classifier, or one of one's own, FILE.py:function or FILE.keras.
      network: of one's own, its pixels and sizes.
      image_size: to which files are cropped and scaled; all have one size if None.
      channels: 1 or 3, to which files are turned; those of the first if None.
      skip_unreadable: whether files that cannot be read are left out, not an error.
    """

    executable: ClassVar[str] = "measure"

    images: str | None = None
    reference: str | None = None
    features: FeatureName = "inception_2015"
    weights: str | None = None
    network: OwnNetwork = OwnNetwork()
    image_size: int | None = None
    channels: int | None = None
    skip_unreadable: bool = False

    def validate(self) -> None:
        """Checks the size and the channels."""
        super().validate()
        self.require_positive("image_size")
        require_own(self.network, self.weights)
        require(
            self.channels in (None, 1, 3),
            f"Expected channels={self.channels} to be 1 or 3.",
        )

    @property
    def sets(self) -> tuple[str, str]:
        """Where the two sets are.

        Raises:
          ConfigError: if that is not said.
        """
        require(
            None not in (self.images, self.reference),
            "Expected two sets of images: python3 ebm_tf/measure.py IMAGES REFERENCE",
        )
        return str(self.images), str(self.reference)
