"""Images as scripts and folders have them: arrays of a stated range, files of names."""

import dataclasses
import os
import pathlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.parts import Data
from ebm_tf.data import image_files
from ebm_tf.data.image_index import left_out, open_index, readable
from ebm_tf.data.images import preprocess
from ebm_tf.errors import DataError
from ebm_tf.pixels import PixelRange
from ebm_tf.runtime.files import load_arrays, make_folder
from ebm_tf.runtime.plots import save_images as write_png

# By so much of its width a range may be left: by rounding, and by Langevin chains.
ROUNDING, CHAINS = 1e-4, 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSet:
    """Images of one size, wherever they are.

    Attributes:
      origin: where they come from, for people to read.
      names: of each, with slashes where they lie in folders.
      shape: height, width and channels.
      read: (first, last + 1) -> these images, uint8 [n, H, W, C].
      notes: () -> what a user should know of those that were read so far.
    """

    origin: str
    names: Sequence[str]
    shape: tuple[int, int, int]
    read: Callable[[int, int], np.ndarray]
    notes: Callable[[], list[str]] = list

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """All images in their order, `size` at once, the last time perhaps fewer."""
        for start in range(0, len(self), size):
            yield self.read(start, min(start + size, len(self)))


def as_images(
    images: npt.ArrayLike,
    pixel_range: PixelRange,
    name: str = "images",
    *,
    slack: float = ROUNDING,
) -> np.ndarray:
    """Images of a script as this program has them, float32 [n, H, W, C] in [-1, 1].

    Args:
      images: [n, H, W, C] or [n, H, W]; bytes are 0..255 whatever the range.
      pixel_range: of floats.
      name: of the argument, for messages.
      slack: the share of its width by which floats may leave the range.

    Raises:
      DataError: if they have another shape, or leave the range farther.
    """
    array = np.asarray(images)
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or 0 in array.shape:
        raise DataError(
            f"Expected {name} of the shape [n, H, W, C], got {list(array.shape)}."
        )
    if pixel_range not in pixels.BOUNDS:
        known = ", ".join(map(repr, pixels.BOUNDS))
        raise DataError(f"Expected pixel_range={pixel_range!r} to be one of {known}.")
    if array.dtype == np.uint8:
        return pixels.from_bytes(tf.constant(array)).numpy()
    array = array.astype(np.float32)
    low, high = pixels.BOUNDS[pixel_range]
    beyond = slack * (high - low)
    least, most = float(array.min()), float(array.max())
    if not (low - beyond <= least and most <= high + beyond):
        raise DataError(
            f"Expected {name} in pixel_range={pixel_range!r}, got values from "
            f"{least:g} to {most:g}."
        )
    return pixels.from_range(array, pixel_range)


def open_images(
    source: Any,
    *,
    image_size: int | None = None,
    channels: int | None = None,
    pixel_range: PixelRange = "-1..1",
    skip_unreadable: bool = False,
) -> ImageSet:
    """Images of an array, of a folder or zip of files, or of an npz or npy file.

    Args:
      source: an array as `as_images` takes it; or the path of a folder or a zip with
        PNG, JPEG, WebP, BMP or TIFF files at any depth; or of an npz file whose
        images are under `images` or `arr_0`, or a npy file.
      image_size: files are cropped to their central square and scaled to it; all
        must have one size if None. Arrays must have it.
      channels: 1 or 3, to which grey and coloured files are turned; those of the
        first file if None.
      pixel_range: of floats in arrays.
      skip_unreadable: whether files that cannot be read are left out, not an error.

    Raises:
      DataError: if there are none, some cannot be read, or they differ in size.
    """
    if not isinstance(source, str | os.PathLike):
        return _of_array(source, "images", image_size, channels, pixel_range)
    path = pathlib.Path(source)
    if path.suffix in (".npz", ".npy"):
        array = _stored(path)
        return _of_array(array, str(path), image_size, channels, pixel_range)
    return _of_files(path, image_size, channels, skip_unreadable)


def read_images(
    source: Any,
    image_size: int | None = None,
    channels: int | None = None,
    *,
    skip_unreadable: bool = False,
) -> np.ndarray:
    """All images of a folder, a zip or a file, uint8 [n, H, W, C], sorted by name.

    Args:
      source: the path of a folder or a zip with PNG, JPEG, WebP, BMP or TIFF files at
        any depth; or of an npz file whose images are under `images` or `arr_0`, or a
        npy file; or an array [n, H, W, C].
      image_size: to which files are cropped and scaled; all have one size if None.
      channels: 1 or 3; those of the first file if None.
      skip_unreadable: whether files that cannot be read are left out, not an error.

    Raises:
      DataError: if there are none, some cannot be read, or they differ in size.
    """
    found = open_images(
        source,
        image_size=image_size,
        channels=channels,
        skip_unreadable=skip_unreadable,
    )
    return found.read(0, len(found))


def save_images(
    folder: str | os.PathLike,
    images: npt.ArrayLike,
    names: Sequence[str] | None = None,
    *,
    pixel_range: PixelRange = "-1..1",
) -> None:
    """Writes images as PNG files, rounded to the nearest bytes.

    Args:
      folder: it is made where it is not there.
      images: [n, H, W, C] or [n, H, W], C 1 or 3; floats in the range, or bytes.
      names: of the files, without or with an ending; 00000, 00001 ... if None.
      pixel_range: of floats.

    Raises:
      UserError: if they leave the range, or cannot be written.
    """
    found = pixels.to_bytes(as_images(images, pixel_range))
    names = names or [f"{place:05d}" for place in range(len(found))]
    if len(names) != len(found):
        raise DataError(f"Expected {len(found)} names of images, got {len(names)}.")
    write_named(str(folder), found, png_names(names))


def write_named(folder: str, images: np.ndarray, names: Sequence[str]) -> None:
    """Writes uint8 [n, H, W, C] as PNG files of such names, in folders below."""
    for place in {os.path.dirname(name) for name in names}:
        make_folder(os.path.join(folder, place))
    write_png(folder, images, names)


def png_names(names: Sequence[str]) -> list[str]:
    """Names of files without their endings, but where two would become one."""
    stems = [os.path.splitext(name)[0] for name in names]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else name
        for stem, name in zip(stems, names, strict=True)
    ]


def _of_array(
    source: Any,
    origin: str,
    image_size: int | None,
    channels: int | None,
    pixel_range: PixelRange,
) -> ImageSet:
    array = pixels.to_bytes(as_images(source, pixel_range, origin))
    _, height, width, depth = array.shape
    wanted = (image_size or height, image_size or width, channels or depth)
    if (height, width, depth) != wanted:
        raise DataError(
            f"Expected {origin} to be of {_size(wanted)}, got {_size(array.shape[1:])}."
        )
    names = [f"{place:05d}" for place in range(len(array))]
    return ImageSet(origin, names, wanted, lambda start, end: array[start:end])


def _stored(path: pathlib.Path) -> np.ndarray:
    """The array of images in a npy or npz file."""
    if not path.is_file():
        raise DataError(f"No file {path}.")
    if path.suffix == ".npz":
        arrays = load_arrays(str(path))
        for name in ("images", "arr_0"):
            if name in arrays:
                return arrays[name]
        raise DataError(
            f"Expected an array `images` or `arr_0` in {path}, got "
            f"{', '.join(arrays) or 'none'}."
        )
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path} is a damaged npy file: {error}") from error


def _of_files(
    path: pathlib.Path,
    image_size: int | None,
    channels: int | None,
    skip_unreadable: bool,
) -> ImageSet:
    indexed, changes = open_index(path), Counter()
    index, every = indexed.index, np.arange(len(indexed.index.names))
    kept = readable(index, every, path, skip=skip_unreadable, setting="skip_unreadable")
    names = [index.names[i] for i in kept]

    def decoded(name: str) -> np.ndarray:
        content = indexed.read(name)
        return _decoded(image_files.upright(content, f"{path}: {name}", changes))

    height, width, depth = decoded(names[0]).shape
    changes.clear()  # it will be read again
    if image_size is not None:
        height = width = image_size
    shape = (height, width, channels or depth)
    data = Data(name="folder", image_size=height, channels=shape[-1])
    scaled: set[str] = set()

    def one(name: str) -> np.ndarray:
        image = decoded(name)
        if image.shape == shape:
            return image
        if image_size is None and image.shape[:2] != shape[:2]:
            raise DataError(
                f"{name} in {path} is of {_size(image.shape)}, others of "
                f"{_size(shape)}: name a size to crop and scale them to."
            )
        if image.shape[:2] != shape[:2]:
            scaled.add(name)
        if image_size is None:
            return _with_channels(image, shape[-1])
        return pixels.to_bytes(preprocess(tf.constant(image), data, None).numpy())

    def notes() -> list[str]:
        cropped = f"Images cropped to their central square and scaled: {len(scaled):,}."
        remarks = [*left_out(index), *image_files.notes(changes)]
        return [*remarks, cropped] if scaled else remarks

    return ImageSet(
        str(path),
        names,
        shape,
        lambda start, end: np.stack([one(name) for name in names[start:end]]),
        notes,
    )


def _with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Bytes [H, W, C], grey repeated, or colours as their luma."""
    if channels == image.shape[-1]:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    luma = tf.image.rgb_to_grayscale(tf.constant(image, tf.float32)).numpy()
    return np.rint(luma).astype(np.uint8)


def _decoded(content: bytes) -> np.ndarray:
    """The pixels uint8 [H, W, C] of an upright image, C 1 where all of it is grey."""
    with tf.device("CPU"):
        if content.startswith(b"\xff\xd8"):
            is_grey = tf.image.decode_jpeg(content).shape[-1] == 1
            return tf.image.decode_jpeg(content, channels=1 if is_grey else 3).numpy()
        image = tf.image.decode_png(content).numpy()
        return (
            image if image.shape[-1] == 1 else tf.image.decode_png(content, 3).numpy()
        )


def _size(shape: Sequence[int]) -> str:
    height, width, channels = shape
    return f"{height}x{width} pixels and {channels} channels"
