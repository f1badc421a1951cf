"""Tables of the classifiers that people publish as state dictionaries of PyTorch.

The names are facts about published files: those of the CIFAR-10 networks on which much
of robust learning builds, of torchvision, of TRADES and RobustBench, and of DeepMind.
"""

from ebm_tf.store.conversion.tables import TORCH, TORCH_NORM, Row, Table, torch_table

_STAGE = r"stage(?P<stage>\d)_block(?P<block>\d+)"
_GROUP = r"group(?P<group>\d)_block(?P<block>\d+)"


def _from_0(index: int) -> int:
    return index - 1


def _resnet(shortcut: str, logits: str, *ends: Row) -> Table:
    """A table of a ResNet, with the names of its shortcuts and its last layer."""
    return torch_table(
        Row("stem_conv", "conv1", TORCH),
        Row(rf"{_STAGE}_(?P<n>\d)_conv", "layer{stage}.{place}.conv{n}", TORCH),
        Row(rf"{_STAGE}_(?P<n>\d)_bn", "layer{stage}.{place}.bn{n}", TORCH_NORM),
        Row(
            rf"{_STAGE}_shortcut_conv", f"layer{{stage}}.{{place}}.{shortcut}.0", TORCH
        ),
        Row(
            rf"{_STAGE}_shortcut_bn",
            f"layer{{stage}}.{{place}}.{shortcut}.1",
            TORCH_NORM,
        ),
        Row("logits", logits, TORCH),
        *ends,
        place=_from_0,
    )


_STEM_NORM = Row("stem_bn", "bn1", TORCH_NORM)
CIFAR_RESNET = _resnet("shortcut", "linear", _STEM_NORM)
TORCHVISION_RESNET = _resnet("downsample", "fc", _STEM_NORM)
PREACT_RESNET = _resnet("shortcut", "linear", Row("final_bn", "bn", TORCH_NORM))

_ROBUSTBENCH = "block{group}.layer.{place}"
ROBUSTBENCH_WRN = torch_table(
    Row("stem_conv", "conv1", TORCH),
    Row(rf"{_GROUP}_(?P<n>\d)_conv", f"{_ROBUSTBENCH}.conv{{n}}", TORCH),
    Row(rf"{_GROUP}_(?P<n>\d)_bn", f"{_ROBUSTBENCH}.bn{{n}}", TORCH_NORM),
    Row(rf"{_GROUP}_shortcut_conv", f"{_ROBUSTBENCH}.convShortcut", TORCH),
    Row("final_bn", "bn1", TORCH_NORM),
    Row("logits", "fc", TORCH),
    place=_from_0,
    dropped=r"sub_block1\..*",  # which TRADES makes and never uses
)

_DM = "layer.{group_0}.block.{place}"
DM_WRN = torch_table(
    Row("stem_conv", "init_conv", TORCH),
    Row(rf"{_GROUP}_(?P<n>\d)_conv", f"{_DM}.conv_{{n_0}}", TORCH),
    Row(rf"{_GROUP}_(?P<n>\d)_bn", f"{_DM}.batchnorm_{{n_0}}", TORCH_NORM),
    Row(rf"{_GROUP}_shortcut_conv", f"{_DM}.shortcut", TORCH),
    Row("final_bn", "batchnorm", TORCH_NORM),
    Row("logits", "logits", TORCH),
    place=_from_0,
)
