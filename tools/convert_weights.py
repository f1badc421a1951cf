"""Converts weights that other programs trained into those of this project.

python3 tools/convert_weights.py KIND SOURCE OUTPUT [--image_size N] [--key NAME]
    [--set key=value]

  KIND                           SOURCE
  mimicry_sngan                  generator of mimicry; 32, 64 or 128 pixels
  biggan_deep                    BigGAN-deep of pytorch-pretrained-BigGAN; 128, 256 or
                                 512 pixels, or 64 and 224, resized from 128 and 256
  life_cycle_sngan_energy        what the code of Hill et al. (2022) saved: ebm_N.ckpt
  life_cycle_biggan_energy
  life_cycle_sngan_generator     gen_N.ckpt; where it was converted from mimicry,
                                 --set batch_norm_epsilon=1e-5
  life_cycle_biggan_generator
  life_cycle_biggan_conditional
  life_cycle_wide_resnet         clf_N.ckpt
  cifar_resnet                   ResNet-18, 34 or 50 of CIFAR-10 (3x3 stem)
  torchvision_resnet             the same of torchvision (7x7 stem), 224 pixels
  preact_resnet                  pre-activation ResNet-18, 34 or 50 of CIFAR-10; if its
                                 shortcuts see raw inputs, --set raw_shortcut=True
  robustbench_wrn                wide ResNet of TRADES, AWP, MAIL and RobustBench
  dm_wrn                         wide ResNet of DeepMind with SiLU
  own_energy, own_generator,     arrays under this project's names (layer/variable);
  own_classifier                 --set architecture=biggan and so on

SOURCE is a file that PyTorch saved, safetensors or npz under the same names, or, for
a checkpoint of TensorFlow, NAME of the files NAME.index and NAME.data-*. Files of
PyTorch need PyTorch (pip install '.[torch]') and are read by its safe loader.

Depth, width and classes of the five classifiers, and the mean and standard deviation of
pixels that are kept with them, are read from SOURCE. Prefixes (module., _orig_mod.,
model. ...) and mappings around a state_dict are found; of several sets of weights, such
as averages (EMA), --key chooses one by a part of its name.

OUTPUT is a folder that a config takes as weights; it becomes:

  OUTPUT/weights/ROLE.weights.h5    energy, generator or classifier
  OUTPUT/ROLE_settings.json         the network, its images and where it came from
"""

import pathlib
import shlex
import sys

from absl import flags

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)
from ebm_tf.runtime import tool

_USAGE = "python3 tools/convert_weights.py KIND SOURCE OUTPUT [--image_size N]"
_IMAGE_SIZE = flags.DEFINE_integer("image_size", None, "Side of the images in pixels.")
_CHANNELS = flags.DEFINE_integer("channels", 3, "Channels of the images.")
_SET = flags.DEFINE_multi_string(
    "set", [], "key=value: a setting of the network, such as width=64."
)
_KEY = flags.DEFINE_string(
    "key", None, "A part of the names of the weights, where SOURCE has several sets."
)


def work(kind: str, source: str, output: str) -> None:
    """Converts the weights of one network."""
    print(f"Converting {source}", flush=True)
    # Late, because TensorFlow takes seconds to load.
    from ebm_tf.store.conversion.converting import convert, target

    sizes = _IMAGE_SIZE.value, _CHANNELS.value
    wanted = target(kind, *sizes, _SET.value, _KEY.value)
    converted = convert(wanted, source, output)
    print(f"Wrote {converted.num_parameters:,} parameters: {converted.path}")
    for note in converted.notes:
        print(note)
    assignments = map(shlex.quote, converted.assignments)
    settings = " ".join(f"--set {setting}" for setting in assignments)
    print(f"To use them: {settings}")


if __name__ == "__main__":
    sys.exit(tool.main(work, _USAGE, num_words=(3,)))
