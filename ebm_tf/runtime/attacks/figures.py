"""Pictures of attacked images."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ebm_tf import pixels
from ebm_tf.runtime.figures import save_figure

INCHES = 1.6


def save_comparison(
    path: str,
    columns: Mapping[str, np.ndarray],
    captions: Mapping[str, Sequence[str]],
) -> None:
    """Shows images in columns, such as natural beside attacked ones.

    Args:
      path: of the PNG.
      columns: images [n, H, W, C] in [-1, 1] by title.
      captions: a line below each image, by the titles of some columns.
    """
    num_rows = len(next(iter(columns.values())))
    size = (INCHES * len(columns), 1.2 * INCHES * num_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(num_rows, len(columns), squeeze=False)
    for column, (title, images) in enumerate(columns.items()):
        axes[0, column].set_title(title, fontsize=8)
        for row, image in enumerate(pixels.to_bytes(images)):
            place = axes[row, column]
            picture = np.broadcast_to(image, (*image.shape[:2], 3))
            place.imshow(picture, interpolation="bicubic")
            place.set(xticks=[], yticks=[])
            if title in captions:
                place.set_xlabel(captions[title][row], fontsize=7)
    save_figure(figure, path)


def save_attacked(
    path: str,
    natural: np.ndarray,
    attacked: np.ndarray,
    *,
    predictions: np.ndarray,
    attacked_predictions: np.ndarray,
    attacks: Sequence[str],
) -> None:
    """Shows natural and attacked images [n, H, W, C], and their difference.

    Args:
      path: of the PNG.
      natural: in [-1, 1].
      attacked: in [-1, 1].
      predictions: int64 [n], of the natural images.
      attacked_predictions: int64 [n].
      attacks: what is said of each attacked image, such as what broke it.
    """
    difference = attacked - natural
    largest = max(float(np.abs(difference).max()), 1e-12)
    save_comparison(
        path,
        {
            "natural": natural,
            "attacked": attacked,
            f"difference x {1 / largest:.3g}": difference / largest,
        },
        {
            "natural": [f"says {value}" for value in predictions],
            "attacked": [
                f"{attack}: says {value}"
                for attack, value in zip(attacks, attacked_predictions, strict=True)
            ],
        },
    )
