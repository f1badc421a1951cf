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

import os
import pathlib
import signal
import sys

from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
# No start-up noise, and nothing here needs a GPU or fast matrix products.
os.environ |= {
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}

_USAGE = "python3 tools/prepare_data.py DATASET RAW [--data_dir DIR]"
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Where TFDS datasets lie; TFDS's own choice if not given."
)
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace a dataset that is there.")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "Only look at the raw files.")


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code."""
    try:
        positional = flags.FLAGS(arguments)[1:]
    except flags.Error as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    if len(positional) != 2:
        print(f"Error: expected {_USAGE}", file=sys.stderr)
        return 2
    name, raw = positional
    print(f"Preparing {name} from {raw}", flush=True)
    # Late, because TensorFlow takes seconds to load.
    from absl import logging

    from ebm_tf.data.preparation import prepare
    from ebm_tf.errors import UserError

    logging.set_verbosity(logging.ERROR)
    try:
        prepared = prepare(
            name,
            raw,
            _DATA_DIR.value,
            overwrite=_OVERWRITE.value,
            dry_run=_DRY_RUN.value,
        )
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped: nothing was written.", file=sys.stderr)
        return 130
    for note in prepared.notes:
        print(f"Note: {note}")
    counts = ", ".join(f"{n:,} {split}" for split, n in prepared.counts.items())
    counts = counts or "not yet counted"
    done = "Would write" if _DRY_RUN.value else "Wrote"
    print(f"{done} {name}: {counts} images. Use: --data_dir {prepared.directory}")
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(sys.argv))
