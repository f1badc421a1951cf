"""Writes the samples of a run of fid.py in the forms that external FID tools read.

python3 tools/export_images.py RUN OUTPUT [--num_steps N] [--limit N] [--rgb]

RUN is the run's folder; of a sweep, one of its folders update_XXXXXXXX. OUTPUT is a
new or an empty folder; both may lie in a cloud bucket (gs://...). OUTPUT becomes:

  OUTPUT/images/00000.png ...   a folder of PNGs, as torch-fidelity and clean-fid read
  OUTPUT/samples.npz            the same images as one array arr_0, uint8 [n, H, W, C],
                                as the evaluator of guided-diffusion reads

They are the bytes that fid.py measured, as many and in the same order. Grey images
have one channel; most external tools want three: --rgb.
"""

import dataclasses
import itertools
import os
import pathlib
import sys
import zipfile
from collections.abc import Iterable, Iterator

import numpy as np
from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.errors import RunError
from ebm_tf.runtime import tool
from ebm_tf.store.releases.index import located

_USAGE = "python3 tools/export_images.py RUN OUTPUT [--num_steps N] [--limit N] [--rgb]"
_NUM_STEPS = flags.DEFINE_integer(
    "num_steps", None, "Langevin steps before the images; the most that were measured."
)
_LIMIT = flags.DEFINE_integer(
    "limit", None, "At most so many images; as many as were measured.", lower_bound=1
)
_RGB = flags.DEFINE_bool("rgb", False, "Repeat the channel of grey images.")
_STAGE = ".exporting-"


@dataclasses.dataclass(frozen=True)
class Samples:
    """Images in the files of a run.

    Attributes:
      folder: of the run, or of one update of a sweep.
      num_steps: of Langevin dynamics that made them.
      count: how many are exported.
      shape: [H, W, C] of each.
      notes: on images that are missing.
    """

    folder: str
    num_steps: int
    count: int
    shape: tuple[int, ...]
    notes: list[str]

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yields uint8 [H, W, C]; one file is in memory at a time."""
        from ebm_tf.sampling.segments import load_samples

        files = (images for images, _ in load_samples(self.folder, self.num_steps))
        return itertools.islice(itertools.chain.from_iterable(files), self.count)


def find_samples(folder: str, num_steps: int | None, limit: int | None) -> Samples:
    """Reads all samples of a run once, so that damage is found before writing.

    Args:
      folder: the run's.
      num_steps: the most that the run has samples of if None.
      limit: as many images as were measured if None.

    Raises:
      RunError: if there are none, or a file is damaged.
    """
    from ebm_tf.sampling.segments import load_samples, saved_steps

    folder = located(folder).rstrip("/")
    measured = _config(folder).num_samples
    steps = saved_steps(folder)
    if not steps or num_steps not in (None, *steps):
        after = f" after {num_steps} Langevin steps" if steps else ""
        raise RunError(f"{folder} has no samples{after}{_instead(folder, steps)}.")
    num_steps = steps[-1] if num_steps is None else num_steps
    stored = num_broken = 0
    shapes = set()
    for images, num_not_finite in load_samples(folder, num_steps):
        stored, num_broken = stored + len(images), num_broken + num_not_finite
        shapes.add(images.shape[1:])
    if not stored or len(shapes) > 1:
        raise RunError(f"{folder} has no finite samples of one size: {sorted(shapes)}.")
    notes = []
    if num_broken:
        notes.append(f"{num_broken:,} images are not finite and were left out.")
    if stored + num_broken < measured:
        notes.append(f"The run is not finished: it will have {measured:,} images.")
    count = min(limit or measured, stored)
    return Samples(folder, num_steps, count, shapes.pop(), notes)


def _config(folder: str) -> SampleMeasurement:
    from ebm_tf.runtime.run_folders import read_config

    name = os.path.basename(folder)
    run = os.path.dirname(folder) if name.startswith("update_") else folder
    config = read_config(run)
    if not isinstance(config, SampleMeasurement):
        raise RunError(f"{run} is a run of {config.executable}.py, not of fid.py.")
    return config


def _instead(folder: str, steps: list[int]) -> str:
    """The end of the message: what can be exported instead."""
    if steps:
        return f", but after {', '.join(map(str, steps))}"
    from ebm_tf.runtime.files import names_in

    parts = [name for name in names_in(folder) if name.startswith("update_")]
    return f" itself: it is a sweep, take {folder}/{parts[-1]}" if parts else ""


def write(samples: Samples, output: str, *, rgb: bool) -> None:
    """Writes the images to a temporary folder, then moves it to its place.

    Args:
      samples: the images.
      output: a folder, local or in a cloud bucket.
      rgb: whether the channel of grey images is repeated.

    Raises:
      RunError: if the folder is not empty, or cannot be written.
    """
    from ebm_tf.runtime.files import is_cloud, names_in, new_stage, upload_folder

    place = pathlib.Path(output)
    is_file = place.exists() and not place.is_dir()
    try:
        if is_file or names_in(output):
            raise RunError(f"Expected {output} to be a new or an empty folder.")
        beside = None if is_cloud(output) else place.absolute().parent
        if beside is not None:
            beside.mkdir(parents=True, exist_ok=True)
        with new_stage(beside and str(beside), _STAGE) as outer:
            # A folder within, because the outer one is for its owner only.
            stage = pathlib.Path(outer, "whole")
            stage.mkdir()
            _write_both(samples, stage, rgb=rgb)
            if is_cloud(output):
                upload_folder(str(stage), output)
            else:
                stage.rename(place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"Cannot write {output}: {reason}.") from error


def _write_both(samples: Samples, stage: pathlib.Path, *, rgb: bool) -> None:
    from PIL import Image
    from tqdm import tqdm

    (stage / "images").mkdir()
    *sides, channels = samples.shape
    repeats = 3 if rgb and channels == 1 else 1
    shape = (samples.count, *sides, repeats * channels)
    digits = max(5, len(str(samples.count - 1)))  # so that names sort as numbers do

    def drawn() -> Iterator[np.ndarray]:
        bar = tqdm(samples, total=samples.count, unit=" images", disable=None)
        for index, image in enumerate(bar):
            image = np.repeat(image, repeats, axis=-1)
            # One channel is Pillow's mode L, three are RGB.
            picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
            picture.save(stage / "images" / f"{index:0{digits}d}.png")
            yield image

    write_npz(stage / "samples.npz", drawn(), shape)


def write_npz(
    path: pathlib.Path, images: Iterable[np.ndarray], shape: tuple[int, ...]
) -> None:
    """Writes images, one at a time, as the array arr_0 of a shape [n, H, W, C]."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with (
        zipfile.ZipFile(path, "w", allowZip64=True) as archive,
        archive.open("arr_0.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for image in images:
            member.write(image.tobytes())


def work(run: str, output: str) -> None:
    """Exports the samples of a run to a folder."""
    print(f"Exporting the samples of {run}", flush=True)
    samples = find_samples(run, _NUM_STEPS.value, _LIMIT.value)
    write(samples, output, rgb=_RGB.value)
    for note in samples.notes:
        print(f"Note: {note}")
    print(
        f"Wrote {samples.count:,} images after {samples.num_steps:,} Langevin steps: "
        f"{output}/images, {output}/samples.npz"
    )


if __name__ == "__main__":
    sys.exit(tool.main(work, _USAGE))
