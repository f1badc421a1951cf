"""Image files become upright ones of 8 bits that TensorFlow decodes, or are told."""

import io
import struct
import zlib
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from ebm_tf.data import image_files
from ebm_tf.data.image_files import upright
from ebm_tf.errors import DataError
from tests.data.raw_files import encoded, picture

ORIENTATION = 0x0112
TURNED = "Images turned upright, as a tag in their files says: 1."


def made(content: bytes, side: int | None = None) -> tuple[bytes, list[str]]:
    """The file, and what is told of it."""
    changes: Counter[str] = Counter()
    return upright(content, "a.png", changes, side), image_files.notes(changes)


def shown(content: bytes) -> np.ndarray:
    """What learning sees: TFDS's own operation on the bytes."""
    return tf.image.decode_image(content, channels=3, expand_animations=False).numpy()


def saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_orientation(image: Image.Image, orientation: int, kind: str) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95} if kind == "JPEG" else {}
    if kind == "WEBP":
        options = {"lossless": True}
    return saved(image, kind, exif=exif, **options)


def layered(alpha: int) -> Image.Image:
    image = picture(9, 7, seed=5).convert("RGBA")
    image.putalpha(Image.new("L", image.size, alpha))
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright_whatever_the_tag_says(orientation, kind):
    expected = picture(24, 40, seed=1)
    # The inverse of the tag's turn: a quarter to the left for one to the right.
    back = {6: 8, 8: 6}.get(orientation, orientation)
    lying = expected.copy()
    lying.getexif()[ORIENTATION] = back
    lying = ImageOps.exif_transpose(lying)
    content, told = made(with_orientation(lying, orientation, kind))
    difference = np.abs(shown(content) - np.asarray(expected, float))
    assert difference.max() <= (20 if kind == "JPEG" else 0)
    assert told == ([] if orientation == 1 else [TURNED])


def test_a_large_image_keeps_no_tag_and_is_upright():
    lying = picture(60, 100, seed=1)
    content, told = made(with_orientation(lying, 6, "JPEG"), 30)
    image = Image.open(io.BytesIO(content))
    assert image.size == (30, 50) and image.getexif().get(ORIENTATION) is None
    expected = lying.transpose(Image.Transpose.ROTATE_270).resize((30, 50), 1)
    assert np.abs(shown(content) - np.asarray(expected, float)).mean() < 2
    assert told == [TURNED]


@pytest.mark.parametrize("side", [None, 20])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_look_as_eight(kind, side):
    grey = picture(40, 50, seed=2, mode="L")
    sixteen = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    content, told = made(saved(sixteen, kind), side)
    np.testing.assert_array_equal(
        shown(content), shown(made(saved(grey, kind), side)[0])
    )
    assert shown(content).std() > 20
    assert told == ["Images of 16 bits a pixel, of which the upper 8 were taken: 1."]


def test_sixteen_bits_a_colour_look_as_eight():
    values = np.random.default_rng(0).integers(0, 256, [5, 4, 3], np.uint8)
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for row in values * np.uint16(257)
    )
    header = struct.pack(">2I5B", 4, 5, 16, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    np.testing.assert_array_equal(shown(made(content)[0]), values)


def chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


PLAIN = {
    "JPEG": encoded(picture(20, 30, seed=0)),
    "grey JPEG": encoded(picture(20, 30, seed=0, mode="L")),
    "CMYK JPEG": encoded(picture(20, 30, seed=0, mode="CMYK")),
    "progressive JPEG": saved(picture(20, 30, seed=0), "JPEG", progressive=True),
    "PNG": encoded(picture(20, 30, seed=0), "PNG"),
    "grey PNG": encoded(picture(20, 30, seed=0, mode="L"), "PNG"),
    "palette": encoded(picture(20, 30, seed=0).quantize(16), "PNG"),
    "two colours": encoded(picture(20, 30, seed=0).convert("1"), "PNG"),
    "opaque palette": saved(
        picture(20, 30, seed=0).quantize(16), "PNG", transparency=b"\xff" * 16
    ),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_what_tensorflow_shows_as_viewers_do_is_kept(kind):
    content = PLAIN[kind]
    assert made(content) == (content, [])
    image = Image.open(io.BytesIO(content)).convert("RGBA")
    expected = np.asarray(image.convert("RGB"), float)
    assert np.abs(shown(content) - expected).max() <= (8 if "JPEG" in kind else 0)


OTHERS = {
    "BMP": encoded(picture(9, 7, seed=5), "BMP"),
    "BMP with a palette": encoded(picture(9, 7, seed=5).quantize(9), "BMP"),
    "WebP": saved(picture(9, 7, seed=5), "WEBP", lossless=True),
    "TIFF": encoded(picture(9, 7, seed=5), "TIFF"),
    "TIFF of print colours": encoded(picture(9, 7, seed=5, mode="CMYK"), "TIFF"),
    "opaque layer": encoded(layered(255), "PNG"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_kinds_become_exact_pngs(kind):
    content, told = made(OTHERS[kind])
    expected = Image.open(io.BytesIO(OTHERS[kind])).convert("RGB")
    np.testing.assert_array_equal(shown(content), np.asarray(expected))
    assert content.startswith(b"\x89PNG") and told == []


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_shines_through_is_white(kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    content, told = made(saved(layered(64), kind, **options))
    colours = np.asarray(layered(64).convert("RGB"), float)
    expected = (64 * colours + 191 * 255) / 255
    assert np.abs(shown(content) - expected).max() <= 1
    assert told == ["Images with transparent parts, which became white: 1."]


def test_a_transparent_entry_of_a_palette_is_white():
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((1, 0), 1)
    content, told = made(saved(image, "PNG", transparency=0))
    assert shown(content).tolist() == [[[255, 255, 255], [10, 20, 30]]]
    assert len(told) == 1


def test_of_several_frames_the_first_is_taken():
    frames = [picture(8, 8, seed=seed) for seed in range(3)]
    for kind in ("PNG", "TIFF", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        content, told = made(
            saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        )
        np.testing.assert_array_equal(shown(content), np.asarray(frames[0]))
        assert told == [
            "Files of several frames or pages, of which the first was taken: 1."
        ]


@pytest.mark.parametrize("size", [(1, 1), (7, 7), (3, 90), (7, 300)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_small_sides_are_taken(size, kind):
    content = encoded(picture(*size, seed=0), kind)
    assert made(content, 256)[0] == content
    assert shown(content).shape == (*size, 3)


PNG = PLAIN["PNG"]
BAD = {
    "no end": (PNG[:-12], "damaged image"),
    "half": (PNG[: len(PNG) // 2], "damaged image"),
    "a wrong checksum": (PNG[:-14] + b"??" + PNG[-12:], "damaged image"),
    "a cut JPEG": (PLAIN["JPEG"][:-200], "damaged image .*truncated"),
    "another kind": (b"GIF89a" + PNG, "is no JPEG, PNG, WebP, BMP or TIFF"),
    "nothing": (b"", "is no JPEG"),
    "floats": (encoded(picture(4, 4, seed=0).convert("F"), "TIFF"), "of the kind F:"),
    "32 bits": (encoded(picture(4, 4, seed=0).convert("I"), "TIFF"), "of the kind I:"),
}


@pytest.mark.parametrize("side", [None, 10])
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_told_by_its_name(case, side):
    content, message = BAD[case]
    with pytest.raises(DataError, match=f"^a.png .*{message}") as caught:
        made(content, side)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_more_pixels_than_are_safe_are_told(monkeypatch):
    content = encoded(Image.new("1", (40, 40)), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 799)
    with pytest.raises(DataError, match="a.png has more than 1,598 pixels"):
        made(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 800)
    assert made(content)[0] == content


def test_a_broken_tag_turns_nothing():
    image = picture(20, 30, seed=0)
    content = saved(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert made(content) == (content, [])


def hurt(content: bytes, random: np.random.Generator) -> bytes:
    """A file that was cut off, or some of whose bits have flipped."""
    if random.random() < 0.3:
        return content[: random.integers(len(content))]
    values = bytearray(content)
    for place in random.integers(len(values), size=random.integers(1, 9)):
        values[min(place, random.integers(len(values)))] ^= 1 << random.integers(8)
    return bytes(values)


WHOLE = [
    *PLAIN.values(),
    *OTHERS.values(),
    *(with_orientation(picture(9, 7, seed=5), 6, k) for k in ("JPEG", "PNG", "TIFF")),
    saved(picture(9, 7, seed=5), "TIFF", compression="tiff_lzw"),
    saved(picture(9, 7, seed=5), "TIFF", compression="jpeg"),
    saved(layered(64), "WEBP"),
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(WHOLE)))
@pytest.mark.parametrize("side", [None, 5])
def test_whatever_bytes_are_accepted_are_decoded(number, side):
    random, accepted = np.random.default_rng(number), 0
    for _ in range(150):
        try:
            content, _ = made(hurt(WHOLE[number], random), side)
        except DataError as error:
            assert "\n" not in str(error)
            continue
        accepted += 1
        assert shown(content).ndim == 3
    assert accepted < 150
