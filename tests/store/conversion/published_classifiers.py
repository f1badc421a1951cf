"""What files of published classifiers hold: arrays by name, with random numbers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tests.store.conversion.published import Shapes, filled, torch_layer, torch_norm

NUM_CLASSES = 7
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
MEAN, STDDEV = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)


def _conv(name: str, inputs: int, outputs: int, size: int) -> Shapes:
    return torch_layer(name, outputs, inputs, size, size, bias=False)


def _convs(name: str, inputs: int, filters: int, deep: bool) -> Shapes:
    """The convolutions of a block of a ResNet."""
    widths = [inputs, filters, filters] + ([4 * filters] if deep else [])
    sizes = (1, 3, 1) if deep else (3, 3)
    shapes = {}
    for n, size in enumerate(sizes, start=1):
        shapes |= _conv(f"{name}.conv{n}", widths[n - 1], widths[n], size)
    return shapes


def resnet(
    depth: int,
    width: int,
    classes: int = NUM_CLASSES,
    *,
    shortcut: str = "shortcut",
    logits: str = "linear",
    stem: int = 3,
) -> Shapes:
    """One that activates after the sum."""
    shapes = _conv("conv1", 3, width, stem) | torch_norm("bn1", width)
    for name, inputs, filters, ends, strides in _blocks(depth, width):
        deep = depth == 50
        shapes |= _convs(name, inputs, filters, deep)
        for n in range(1, 4 if deep else 3):
            shapes |= torch_norm(f"{name}.bn{n}", ends if n == 3 else filters)
        if strides or inputs != ends:
            shapes |= _conv(f"{name}.{shortcut}.0", inputs, ends, 1)
            shapes |= torch_norm(f"{name}.{shortcut}.1", ends)
    last = width * 8 * (4 if depth == 50 else 1)
    return shapes | torch_layer(logits, classes, last)


def preact_resnet(
    depth: int, width: int, classes: int = NUM_CLASSES, *, final: bool = True
) -> Shapes:
    shapes = _conv("conv1", 3, width, 3)
    for name, inputs, filters, ends, strides in _blocks(depth, width):
        deep = depth == 50
        shapes |= _convs(name, inputs, filters, deep)
        for n in range(1, 4 if deep else 3):
            shapes |= torch_norm(f"{name}.bn{n}", inputs if n == 1 else filters)
        if strides or inputs != ends:
            shapes |= _conv(f"{name}.shortcut.0", inputs, ends, 1)
    last = width * 8 * (4 if depth == 50 else 1)
    shapes |= torch_norm("bn", last) if final else {}
    return shapes | torch_layer("linear", classes, last)


def _blocks(depth: int, width: int):
    """Name, input, inner and last width, and whether a block halves the sides."""
    inputs = width
    for stage, count in enumerate(BLOCKS[depth]):
        filters = width * 2**stage
        ends = filters * (4 if depth == 50 else 1)
        for number in range(count):
            strides = bool(stage and not number)
            yield f"layer{stage + 1}.{number}", inputs, filters, ends, strides
            inputs = ends


def robustbench_wrn(
    depth: int, width: int, classes: int = NUM_CLASSES, *, unused: bool = True
) -> Shapes:
    """With the copy of its first group that TRADES makes and does not use."""
    shapes = _conv("conv1", 3, 16, 3)
    groups = [("block1", 16, 16 * width)]
    groups += [("sub_block1", 16, 16 * width)] if unused else []
    groups += [("block2", 16 * width, 32 * width), ("block3", 32 * width, 64 * width)]
    for group, before, after in groups:
        for number in range((depth - 4) // 6):
            name, inputs = f"{group}.layer.{number}", after if number else before
            shapes |= torch_norm(f"{name}.bn1", inputs)
            shapes |= torch_norm(f"{name}.bn2", after)
            shapes |= _conv(f"{name}.conv1", inputs, after, 3)
            shapes |= _conv(f"{name}.conv2", after, after, 3)
            if inputs != after:
                shapes |= _conv(f"{name}.convShortcut", inputs, after, 1)
    return (
        shapes | torch_norm("bn1", 64 * width) | torch_layer("fc", classes, 64 * width)
    )


def dm_wrn(depth: int, width: int, classes: int = NUM_CLASSES) -> Shapes:
    shapes, before = _conv("init_conv", 3, 16, 3), 16
    for group in range(3):
        after = 16 * width * 2**group
        for number in range((depth - 4) // 6):
            name = f"layer.{group}.block.{number}"
            shapes |= torch_norm(f"{name}.batchnorm_0", before)
            shapes |= torch_norm(f"{name}.batchnorm_1", after)
            shapes |= _conv(f"{name}.conv_0", before, after, 3)
            shapes |= _conv(f"{name}.conv_1", after, after, 3)
            if before != after:
                shapes |= _conv(f"{name}.shortcut", before, after, 1)
            before = after
    shapes |= torch_norm("batchnorm", before)
    return shapes | torch_layer("logits", classes, before)


class Case(NamedTuple):
    """A small network of a kind, and how its pixels are standardised in its file."""

    kind: str
    depth: int
    width: int
    image_size: int = 16
    options: Mapping[str, Any] = {}
    pixel_names: tuple[str, ...] = ()

    def shapes(self) -> Shapes:
        if self.kind == "torchvision_resnet":
            names = {"shortcut": "downsample", "logits": "fc", "stem": 7}
            return resnet(self.depth, self.width, **names)
        if self.kind == "preact_resnet":
            final = self.options["final_norm"]
            return preact_resnet(self.depth, self.width, final=final)
        make = {
            "cifar_resnet": resnet,
            "robustbench_wrn": robustbench_wrn,
            "dm_wrn": dm_wrn,
        }[self.kind]
        return make(self.depth, self.width)

    def arrays(self) -> dict[str, np.ndarray]:
        arrays = filled(self.shapes(), seed=self.depth)
        for name, array in arrays.items():
            if name.endswith(".weight") and array.ndim == 1:
                arrays[name] = 1 + array  # so that norms leave something of an image
        for name, values in zip(self.pixel_names, (MEAN, STDDEV), strict=False):
            arrays[name] = np.array(values, np.float32).reshape([1, 3, 1, 1])
        return arrays

    def pixels(self) -> np.ndarray:
        """Pixels [2,H,W,3] in [0,1]."""
        shape = [2, self.image_size, self.image_size, 3]
        return np.random.default_rng(3).uniform(size=shape).astype(np.float32)


_RICE = {"final_norm": True, "raw_shortcut": False}
_WONG = {"final_norm": False, "raw_shortcut": True}
_MU = ("mu", "sigma")
CASES = {
    "cifar_resnet_18": Case("cifar_resnet", 18, 4, pixel_names=_MU),
    "cifar_resnet_34": Case("cifar_resnet", 34, 4),
    "cifar_resnet_50": Case("cifar_resnet", 50, 4, pixel_names=_MU),
    "torchvision_resnet_18": Case("torchvision_resnet", 18, 4, 64),
    "torchvision_resnet_34": Case("torchvision_resnet", 34, 4, 64),
    "torchvision_resnet_50": Case(
        "torchvision_resnet", 50, 4, 64, pixel_names=("new_mean", "new_std")
    ),
    "preact_resnet_18": Case("preact_resnet", 18, 4, options=_RICE, pixel_names=_MU),
    "preact_resnet_18_raw": Case("preact_resnet", 18, 4, options=_WONG),
    "preact_resnet_34": Case("preact_resnet", 34, 4, options=_RICE),
    "preact_resnet_50": Case("preact_resnet", 50, 4, options=_RICE),
    "robustbench_wrn_10_1": Case("robustbench_wrn", 10, 1),
    "robustbench_wrn_16_2": Case("robustbench_wrn", 16, 2, pixel_names=_MU),
    "dm_wrn_10_1": Case("dm_wrn", 10, 1, pixel_names=("mean", "std")),
    "dm_wrn_16_2": Case("dm_wrn", 16, 2, pixel_names=("mean", "std")),
}
