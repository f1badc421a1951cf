"""Lists of splits and classes, as CelebA and ImageNet are distributed."""

import pathlib
from collections.abc import Mapping

import numpy as np
import pytest
import scipy.io

from ebm_tf.data.raw_datasets import RawDataset, celeb_a, imagenet2012
from ebm_tf.errors import DataError
from tests.data.raw_files import encoded, picture, write_zip

FACE = encoded(picture(9, 8, seed=1))
PNG = encoded(picture(9, 8, seed=1), "PNG")
SPLITS = "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n000004.jpg 0\n"
KAGGLE = "image_id,partition\n" + SPLITS.replace(" ", ",")
TENCH, WHALE = "n01440764", "n02066245"
VAL = "ILSVRC2012_val_{:08d}"


def write(folder: pathlib.Path, files: Mapping[str, bytes | str]) -> pathlib.Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def faces(folder: str = "", ending: str = ".jpg") -> dict[str, bytes | str]:
    content = PNG if ending == ".png" else FACE
    return {f"{folder}00000{i}{ending}": content for i in (1, 2, 3, 4)}


def splits(found: RawDataset) -> dict[str, list[str]]:
    return {
        split: [pathlib.PurePath(str(key)).stem for key, _ in found.examples(split)]
        for split in found.splits
    }


EXPECTED = {"train": ["000001", "000004"], "validation": ["000002"], "test": ["000003"]}
LIST, CSV = "list_eval_partition.txt", "list_eval_partition.csv"
LAYOUTS = {
    "inside": (faces() | {LIST: SPLITS}, "."),
    "PNGs": (faces("img_align_celeba_png/", ".png") | {LIST: SPLITS}, "."),
    "PNGs, beside": (faces("png/", ".png") | {LIST: SPLITS}, "png"),
    "official, of all": (
        faces("Img/img_align_celeba/") | {f"Eval/{LIST}": SPLITS},
        ".",
    ),
    "official, of Img": (
        faces("Img/img_align_celeba/") | {f"Eval/{LIST}": SPLITS},
        "Img",
    ),
    "official, of its images": (
        faces("Img/img_align_celeba/") | {f"Eval/{LIST}": SPLITS},
        "Img/img_align_celeba",
    ),
    "Kaggle's": (faces("img_align_celeba/img_align_celeba/") | {CSV: KAGGLE}, "."),
    "a mark of UTF-8": (faces() | {LIST: SPLITS.encode("utf-8-sig")}, "."),
    "UTF-16": (faces() | {LIST: SPLITS.encode("utf-16")}, "."),
    "UTF-16, the other end first": (
        faces() | {LIST: b"\xfe\xff" + SPLITS.encode("utf-16-be")},
        ".",
    ),
    "UTF-32": (faces() | {LIST: SPLITS.encode("utf-32")}, "."),
    "ends of lines of Windows": (faces() | {LIST: SPLITS.replace("\n", "\r\n")}, "."),
    "a spreadsheet's quotes": (
        faces() | {CSV: KAGGLE.replace(",", ";").replace("000001.jpg", '"000001.jpg"')},
        ".",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_of_celeb_a_as_it_is_distributed(tmp_path, layout):
    files, raw = LAYOUTS[layout]
    found = celeb_a(write(tmp_path / "CelebA", files) / raw)
    assert splits(found) == EXPECTED
    (note,) = (note for note in found.notes if note.startswith("Splits are those of"))
    assert "list_eval_partition" in note


@pytest.mark.parametrize("name", [LIST, f"celeba/{LIST}", CSV])
def test_the_list_lies_in_the_zip(tmp_path, name):
    content = KAGGLE if name == CSV else SPLITS
    files = faces("celeba/img_align_celeba/") | {name: content}
    bytes_ = {n: c.encode() if isinstance(c, str) else c for n, c in files.items()}
    found = celeb_a(write_zip(tmp_path / "faces.zip", bytes_))
    assert splits(found) == EXPECTED


def test_faces_that_are_missing_or_there_twice_are_told(tmp_path):
    files = faces("a/") | {LIST: SPLITS, "b/000001.png": PNG}
    del files["a/000003.jpg"]
    found = celeb_a(write(tmp_path, files))
    assert found.counts == {"train": 3, "validation": 1}
    assert "A subset: 1 of 4 faces are not there." in found.notes
    assert "Faces that are there twice, by the names of their files: 1." in found.notes


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("000001.jpg 0\n", "000002.jpg in .* is not listed in .*: list_eval"),
        ("000001.jpg 3\n", "such as '000001.jpg 0' in .*: 000001.jpg 3$"),
        ("one\n", "lines such as"),
        ("000001.jpg 0 1\n", "lines such as"),
        ("\x1b]0;\x07 0 1\n", r"lines such as .*: \\x1b\]0 \\x07 0 1$"),
        (b"\xe9\x00\xff", "is no text in UTF-8 or UTF-16: save it as UTF-8"),
        (SPLITS.encode("utf-16-le"), "is no text in UTF-8 or UTF-16"),
        (b"\xff\xfe\x00", "is no text in UTF-8 or UTF-16"),
    ],
)
def test_lists_that_cannot_be_read_are_told(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        celeb_a(write(tmp_path, faces() | {LIST: content}))
    assert "\n" not in str(caught.value)


def labels(found: RawDataset, split: str = "validation") -> list[str]:
    examples = found.examples(split)
    return [read()["label"] for _, read in sorted(examples, key=lambda e: str(e[0]))]


def photographs(*numbers: int, folder: str = "val/") -> dict[str, bytes | str]:
    return {f"{folder}{VAL.format(i)}.JPEG": FACE for i in numbers}


def test_official_names_need_no_list(tmp_path):
    files = photographs(1, 50_000) | {f"train/{TENCH}/{TENCH}_1.JPEG": FACE}
    found = imagenet2012(write(tmp_path, files))
    assert found.counts == {"train": 1, "validation": 2}
    assert labels(found) == ["n01751748", "n02437616"]  # of TFDS's list
    assert found.notes == ["Classes by the list of TFDS: 2 images."]


def kit(folder: pathlib.Path, ids: list[int]) -> None:
    """Writes a development kit of two classes, numbers 1 and 2."""
    kinds = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object)]
    synsets = np.array([(1, WHALE, "whale"), (2, TENCH, "tench")], kinds)
    folder.mkdir(parents=True)
    scipy.io.savemat(folder / "meta.mat", {"synsets": synsets[:, None]})
    lines = "".join(f"{i}\n" for i in ids)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(lines)


SYNSETS = "imagenet_2012_validation_synset_labels.txt"
SOLUTION = "LOC_val_solution.csv"


@pytest.mark.parametrize("kind", ["kit", "synsets", "solution"])
@pytest.mark.parametrize("raw", [".", "val"])
def test_classes_of_a_flat_folder_are_by_its_list(tmp_path, kind, raw):
    folder = write(tmp_path / "ILSVRC", photographs(1, 2, 3))
    if kind == "kit":
        kit(folder / "ILSVRC2012_devkit_t12" / "data", [2, 1, 2])
    elif kind == "synsets":
        (folder / SYNSETS).write_text(f"{TENCH}\n{WHALE}\n{TENCH}\n")
    else:
        rows = [f"{VAL.format(i)},{w} 1 2 3 4 {w} 5 6 7 8" for i, w in
                [(3, TENCH), (2, WHALE), (1, TENCH)]]  # fmt: skip
        text = "\n".join(["ImageId,PredictionString", *rows])
        (folder / SOLUTION).write_text(text)
    found = imagenet2012(folder / raw)
    assert labels(found) == [TENCH, WHALE, TENCH]
    assert "Classes by the list of" in found.notes[-1] and "TFDS" not in found.notes[-1]


def test_a_list_of_as_many_lines_is_that_of_the_images_in_order(tmp_path):
    files = {"val/b.JPEG": FACE, "val/a.JPEG": FACE, SYNSETS: f"{TENCH}\n{WHALE}\n"}
    assert labels(imagenet2012(write(tmp_path, files))) == [TENCH, WHALE]


def test_images_that_never_had_classes_are_left_out_and_counted(tmp_path):
    files = {f"test/ILSVRC2012_test_0000000{i}.JPEG": FACE for i in (1, 2)}
    found = imagenet2012(write(tmp_path, files | photographs(7)))
    assert found.counts == {"validation": 1}
    assert found.notes[0] == "Left out, without classes: 2 ILSVRC2012_test_*."
    with pytest.raises(DataError, match="has no images with classes"):
        imagenet2012(write(tmp_path / "only", files))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (photographs(50_001), "val_00050001.JPEG in .* has no class"),
        ({"val/tench.JPEG": FACE}, "val/tench.JPEG in .* has no class"),
        (photographs(2) | {SYNSETS: TENCH}, "val_00000002.JPEG in .* has no class"),
        (photographs(1) | {SYNSETS: "tench"}, "such as 'n01440764' in .*: tench"),
        (photographs(1) | {SYNSETS: "n99999999"}, "is of no class of ImageNet 2012"),
        (photographs(1) | {SOLUTION: "a,b"}, "such as 'ILSVRC2012_val_00000001,n0"),
        (
            photographs(1)
            | {"ILSVRC2012_validation_ground_truth.txt": "1", "meta.mat": "no"},
            "meta.mat is no meta.mat of ImageNet 2012",
        ),
    ],
)
def test_photographs_without_a_class_are_told(tmp_path, files, message):
    with pytest.raises(DataError, match=message) as caught:
        imagenet2012(write(tmp_path, files))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["3", "two", "", "-1"])
def test_numbers_that_the_kit_does_not_know_are_told(tmp_path, line):
    write(tmp_path, photographs(1, 2))
    kit(tmp_path / "kit", [1])
    path = tmp_path / "kit" / "ILSVRC2012_validation_ground_truth.txt"
    path.write_text(f"1\n{line}\n")
    with pytest.raises(DataError, match="such as '490'|has no class"):
        imagenet2012(tmp_path)
