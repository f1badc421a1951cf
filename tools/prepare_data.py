"""Turns raw files into TFDS format, with no network.

python3 tools/prepare_data.py DATASET RAW [--data_dir DIR] [--overwrite] [--dry_run]
        [--skip_unreadable]

  DATASET       RAW
  mnist         folder with train-images-idx3-ubyte(.gz) and its three companions
  cifar10       folder with data_batch_1.bin .. 5.bin and test_batch.bin, or a part of
                these; or cifar-10-binary.tar.gz; or those of the Python version
  cifar100      folder with train.bin and test.bin, or cifar-100-binary.tar.gz; or those
                of the Python version
  svhn          folder with train_32x32.mat and, if wanted, test_ and extra_32x32.mat
  tiny_imagenet folder with train.npz and val.npz, each with uint8 NHWC "image" and
                int "label"
  celeb_a       folder or zip of faces; where CelebA's list_eval_partition.txt or
                Kaggle's .csv lies in it, beside it or in CelebA's Eval/, its splits
  imagenet2012  ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar or their folder; or a
                folder or zip of n01440764_name.JPEG, n01440764/name.JPEG or
                ILSVRC2012_val_00000001.JPEG, whose classes are by
                LOC_val_solution.csv, the development kit or
                imagenet_2012_validation_synset_labels.txt where one is there

Images are .jpg (.jpeg, .jpe, .jfif), .png, .webp, .bmp or .tif (.tiff), and are made
upright and of 8 bits. What is left out or changed is reported.
Training then finds the dataset by the same --data_dir.
"""

import pathlib
import sys

from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.runtime import tool

_USAGE = "python3 tools/prepare_data.py DATASET RAW [--data_dir DIR]"
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS datasets lie; TFDS's own choice if not given."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace an existing dataset.")
_SKIP_UNREADABLE = flags.DEFINE_bool(
    "skip_unreadable", False, "Leave out images that cannot be read; they are named."
)
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only check the raw files.")


def work(name: str, raw: str) -> None:
    """Prepares a dataset from its raw files."""
    print(f"Preparing {name} from {raw}", flush=True)
    # Late, because TensorFlow takes seconds to load.
    from ebm_tf.data.preparation import prepare

    prepared = prepare(
        name,
        raw,
        _DATA_DIR.value,
        overwrite=_OVERWRITE.value,
        skip_unreadable=_SKIP_UNREADABLE.value,
        dry_run=_DRY_RUN.value,
    )
    for note in prepared.notes:
        print(f"Note: {note}")
    counts = ", ".join(f"{n:,} {split}" for split, n in prepared.counts.items())
    counts = counts or "not yet counted"
    done = "Would write" if _DRY_RUN.value else "Wrote"
    print(f"{done} {name}: {counts} images. Use: --data_dir {prepared.directory}")


if __name__ == "__main__":
    sys.exit(tool.main(work, _USAGE))
