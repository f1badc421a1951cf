"""Turns raw files into TFDS format, with no network.

python3 tools/prepare_data.py DATASET RAW [--data_dir DIR] [--overwrite] [--dry_run]

  DATASET       RAW
  mnist         folder with train-images-idx3-ubyte(.gz) and its three companions
  cifar10       folder with data_batch_1.bin .. 5.bin and test_batch.bin, or a part of
                these; or cifar-10-binary.tar.gz
  cifar100      folder with train.bin and test.bin, or cifar-100-binary.tar.gz
  svhn          folder with train_32x32.mat and, if wanted, test_ and extra_32x32.mat
  tiny_imagenet folder with train.npz and val.npz, each with uint8 NHWC "image" and
                int "label"
  celeb_a       folder or zip of .jpg or .png faces; where CelebA's own
                list_eval_partition.txt lies in or beside it, its splits
  imagenet2012  ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar or their folder; or a
                folder or zip of n01440764_name.JPEG or n01440764/name.JPEG

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
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only check the raw files.")


def work(name: str, raw: str) -> None:
    """Prepares a dataset from its raw files."""
    print(f"Preparing {name} from {raw}", flush=True)
    # Late, because TensorFlow takes seconds to load.
    from ebm_tf.data.preparation import prepare

    prepared = prepare(
        name, raw, _DATA_DIR.value, overwrite=_OVERWRITE.value, dry_run=_DRY_RUN.value
    )
    for note in prepared.notes:
        print(f"Note: {note}")
    counts = ", ".join(f"{n:,} {split}" for split, n in prepared.counts.items())
    counts = counts or "not yet counted"
    done = "Would write" if _DRY_RUN.value else "Wrote"
    print(f"{done} {name}: {counts} images. Use: --data_dir {prepared.directory}")


if __name__ == "__main__":
    sys.exit(tool.main(work, _USAGE))
