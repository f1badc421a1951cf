"""Image files of the usual kinds, upright, of 8 bits, and such as TensorFlow decodes.

What the pixels of a file are is decided here alone, by Pillow. A plain JPEG or PNG,
whose bytes TensorFlow decodes to these pixels, stays as it is; others are reencoded.
"""

import io
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from ebm_tf.data.raw_folders import reason_of
from ebm_tf.errors import DataError, UserError

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"),
)
KINDS = "JPEG, PNG, WebP, BMP or TIFF image"

_FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF"]
# How TensorFlow decodes these is what Pillow shows. "MPO" is a JPEG with further ones.
_KEPT = {
    "JPEG": {"L", "RGB", "CMYK"},
    "MPO": {"L", "RGB", "CMYK"},
    "PNG": {"1", "L", "P", "RGB"},
}
_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_EIGHT_BITS = _ALPHA | {"1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV"}
_ORIENTATION = 0x0112  # the tag of EXIF
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What is reported of images whose pixels are not simply those of their files.
_TURNED = "Images turned upright, as a tag in their files says"
_SIXTEEN_BITS = "Images of 16 bits a pixel, of which the upper 8 were taken"
_TRANSPARENT = "Images with transparent parts, which became white"
_SEVERAL = "Files of several frames or pages, of which the first was taken"


def upright(
    content: bytes, origin: str, changes: Counter[str], short_side: int | None = None
) -> bytes:
    """An image file whose pixels are what a viewer shows, as TensorFlow decodes it.

    Args:
      content: of an image file of one of the KINDS.
      origin: what messages call it.
      changes: counts what happened to pixels; `notes` reports it.
      short_side: to which larger images are scaled down, as JPEG.

    Returns:
      The same bytes, a JPEG of a larger image, or a PNG with exactly the pixels.

    Raises:
      DataError: if it is no such image, damaged, too large, of pixels that 8 bits do
        not hold, or none that TensorFlow decodes.
    """
    with _told(origin), warnings.catch_warnings(action="ignore"):
        with _opened(content) as image:
            image.verify()  # reads the checksums of a PNG, which decoding does not
        with _opened(content) as image:
            is_large = short_side is not None and min(image.size) > short_side
            changed = list(_changed(image, origin))
            is_kept = image.mode in _KEPT.get(image.format or "", set())
            if is_large or not is_kept or changed not in ([], [_SEVERAL]):
                content = _encoded(_pixels(image), short_side if is_large else None)
        changes.update(changed)
    _require_decodable(content, origin)
    return content


def sides_of(content: bytes) -> tuple[int, int]:
    """Height and width of a file that `upright` has given."""
    with warnings.catch_warnings(action="ignore"), _opened(content) as image:
        return image.height, image.width


def notes(changes: Counter[str]) -> list[str]:
    """What a user should know about images that `upright` has changed."""
    return [f"{change}: {count:,}." for change, count in changes.items()]


@contextmanager
def _told(origin: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{origin} is no {KINDS}.") from None
    except Image.DecompressionBombError:
        raise DataError(
            f"{origin} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels: "
            "scale it down, or remove it."
        ) from None
    # Pillow fails on damaged files in too many ways to list.
    except Exception as error:
        raise DataError(
            f"{origin} is a damaged image ({reason_of(error)}): get it again, or "
            "remove it."
        ) from None


def _opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content), formats=_FORMATS)


def _changed(image: Image.Image, origin: str) -> Iterator[str]:
    """What makes the pixels of a viewer others than those in the file."""
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        yield _SEVERAL
    if _is_sixteen_bits(image):
        yield _SIXTEEN_BITS
    elif image.mode not in _EIGHT_BITS:
        raise DataError(
            f"{origin} has pixels of the kind {image.mode}: save it with 8 bits a "
            "colour, or remove it."
        )
    if _orientation(image) in _UPRIGHT:
        yield _TURNED
    if _is_transparent(image):
        yield _TRANSPARENT


def _is_sixteen_bits(image: Image.Image) -> bool:
    # Pillow before 11.3 opens such PNGs as "I", which is also that of 32 bits.
    return image.mode.startswith("I;16") or (image.mode, image.format) == ("I", "PNG")


def _orientation(image: Image.Image) -> int:
    """The orientation of EXIF, 1 to 8; 1 where it cannot be read, as viewers do."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except (ValueError, SyntaxError, TypeError, KeyError, IndexError, OSError):
        return 1


def _is_transparent(image: Image.Image) -> bool:
    if image.mode not in _ALPHA and "transparency" not in image.info:
        return False
    darkest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return darkest != 255


def _pixels(image: Image.Image) -> Image.Image:
    """The upright picture, of mode "L" or "RGB"."""
    image.load()
    orientation = _orientation(image)  # now, because Pillow turns TIFFs as it loads
    if _is_sixteen_bits(image):
        # As TensorFlow and Pillow do it where there are colours.
        shown = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif _is_transparent(image):
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        shown = Image.alpha_composite(white, layer).convert("RGB")
    else:
        shown = image.convert("L" if image.mode in ("1", "L") else "RGB")
    method = _UPRIGHT.get(orientation)
    return shown if method is None else shown.transpose(method)


def _encoded(image: Image.Image, short_side: int | None) -> bytes:
    """A PNG of it, or a JPEG of a short side."""
    file = io.BytesIO()
    if short_side is None:
        image.save(file, "PNG")
        return file.getvalue()
    ratio = short_side / min(image.size)
    size = (round(image.width * ratio), round(image.height * ratio))
    smaller = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    smaller.save(file, "JPEG", quality=95)
    return file.getvalue()


def _require_decodable(content: bytes, origin: str) -> None:
    """Checks it by TensorFlow; where that fails, Pillow knows the better reason."""
    is_jpeg = content.startswith(b"\xff\xd8")
    try:
        with tf.device("CPU"):
            if is_jpeg:  # all its coefficients are read, an eighth of the size computed
                tf.image.decode_jpeg(content, channels=3, ratio=8)
            else:
                tf.image.decode_png(content, channels=3)
    except tf.errors.OpError as error:
        with _told(origin), warnings.catch_warnings(action="ignore"):
            _opened(content).load()
        reason = error.message.rpartition("}}")[-1].partition("[Op")[0]
        raise DataError(
            f"{origin} is an image that TensorFlow cannot decode "
            f"({' '.join(reason.split())}): save it again in another program, or "
            "remove it."
        ) from None
