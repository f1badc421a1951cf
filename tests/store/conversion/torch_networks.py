"""Published classifiers in PyTorch, with the module names that their files have.

Written from the papers and the names; nothing of the code that converts is used. Run
with PyTorch it writes the logits with which conversions are compared without it:

python3 -m tests.store.conversion.torch_networks
"""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from tests.store.conversion import published_classifiers as published

torch: Any = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def conv(inputs, outputs, size=3, stride=1, padding=None):
    padding = size // 2 if padding is None else padding
    return nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)


class Activated(nn.Module):
    """A block of a ResNet that activates after the sum."""

    def __init__(self, inputs, filters, stride, deep, shortcut):
        super().__init__()
        sides = [(3, stride), (3, 1)] if not deep else [(1, 1), (3, stride), (1, 1)]
        widths = [inputs, filters, filters] + ([4 * filters] if deep else [])
        for n, (size, step) in enumerate(sides, start=1):
            setattr(self, f"conv{n}", conv(widths[n - 1], widths[n], size, step))
            setattr(self, f"bn{n}", nn.BatchNorm2d(widths[n]))
        self.num_convs, self.shortcut_name = len(sides), shortcut
        if stride > 1 or inputs != widths[-1]:
            project = conv(inputs, widths[-1], 1, stride)
            norm = nn.BatchNorm2d(widths[-1])
            setattr(self, shortcut, nn.Sequential(project, norm))

    def forward(self, x):
        y = x
        for n in range(1, self.num_convs + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = F.relu(y) if n < self.num_convs else y
        project = getattr(self, self.shortcut_name, None)
        return F.relu(y + (project(x) if project else x))


class PreActivated(nn.Module):
    """A block that activates first; its shortcut may see the raw input."""

    def __init__(self, inputs, filters, stride, deep, raw):
        super().__init__()
        sides = [(3, stride), (3, 1)] if not deep else [(1, 1), (3, stride), (1, 1)]
        widths = [inputs, filters, filters] + ([4 * filters] if deep else [])
        for n, (size, step) in enumerate(sides, start=1):
            setattr(self, f"bn{n}", nn.BatchNorm2d(widths[n - 1]))
            setattr(self, f"conv{n}", conv(widths[n - 1], widths[n], size, step))
        self.num_convs, self.raw = len(sides), raw
        if stride > 1 or inputs != widths[-1]:
            self.shortcut = nn.Sequential(conv(inputs, widths[-1], 1, stride))

    def forward(self, x):
        first = F.relu(self.bn1(x))
        y = self.conv1(first)
        for n in range(2, self.num_convs + 1):
            y = getattr(self, f"conv{n}")(F.relu(getattr(self, f"bn{n}")(y)))
        if not hasattr(self, "shortcut"):
            return y + x
        return y + self.shortcut(x if self.raw else first)


class ResNet(nn.Module):
    def __init__(self, block, depth, width, option, *, head, large=False, final=None):
        super().__init__()
        self.head, self.large = head, large
        self.conv1 = conv(3, width, 7, 2) if large else conv(3, width)
        if block is Activated:
            self.bn1 = nn.BatchNorm2d(width)
        deep, channels = depth == 50, width
        for stage, count in enumerate(BLOCKS[depth]):
            blocks, filters = [], width * 2**stage
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(block(channels, filters, stride, deep, option))
                channels = filters * (4 if deep else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        if final:
            self.bn = nn.BatchNorm2d(channels)
        setattr(self, head, nn.Linear(channels, published.NUM_CLASSES))

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(self.bn1(x)) if hasattr(self, "bn1") else x
        x = F.max_pool2d(x, 3, 2, 1) if self.large else x
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = F.relu(self.bn(x)) if hasattr(self, "bn") else x
        return getattr(self, self.head)(x.mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(inputs), nn.BatchNorm2d(filters)
        self.conv1, self.conv2 = (
            conv(inputs, filters, 3, stride),
            conv(filters, filters),
        )
        if inputs != filters:
            self.convShortcut = conv(inputs, filters, 1, stride)

    def forward(self, x):
        first = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(first))))
        return y + (self.convShortcut(first) if hasattr(self, "convShortcut") else x)


class DeepMindBlock(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs)
        self.batchnorm_1 = nn.BatchNorm2d(filters)
        self.conv_0, self.conv_1 = (
            conv(inputs, filters, 3, stride, 0),
            conv(filters, filters),
        )
        self.pads = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)
        if inputs != filters:
            self.shortcut = conv(inputs, filters, 1, stride)

    def forward(self, x):
        first = F.silu(self.batchnorm_0(x))
        y = self.conv_0(F.pad(first, self.pads))
        y = self.conv_1(F.silu(self.batchnorm_1(y)))
        return y + (self.shortcut(first) if hasattr(self, "shortcut") else x)


class Group(nn.Module):
    def __init__(self, name, block, count, inputs, filters, stride):
        super().__init__()
        self.name = name
        blocks = [block(inputs, filters, stride)]
        blocks += [block(filters, filters, 1) for _ in range(count - 1)]
        setattr(self, name, nn.Sequential(*blocks))

    def forward(self, x):
        return getattr(self, self.name)(x)


class WideResNet(nn.Module):
    """That of TRADES, with its part that nothing uses."""

    def __init__(self, depth, width):
        super().__init__()
        count, last = (depth - 4) // 6, 64 * width
        sizes = [(16, 16 * width, 1), (16 * width, 32 * width, 2)]
        sizes += [(32 * width, last, 2)]
        self.conv1 = conv(3, 16)
        self.sub_block1 = Group("layer", WideBlock, count, *sizes[0])
        self.block1 = Group("layer", WideBlock, count, *sizes[0])
        self.block2 = Group("layer", WideBlock, count, *sizes[1])
        self.block3 = Group("layer", WideBlock, count, *sizes[2])
        self.bn1 = nn.BatchNorm2d(last)
        self.fc = nn.Linear(last, published.NUM_CLASSES)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class DeepMindWideResNet(nn.Module):
    def __init__(self, depth, width):
        super().__init__()
        count, last = (depth - 4) // 6, 64 * width
        sizes = [(16, 16 * width, 1), (16 * width, 32 * width, 2)]
        sizes += [(32 * width, last, 2)]
        self.init_conv = conv(3, 16)
        groups = (Group("block", DeepMindBlock, count, *each) for each in sizes)
        self.layer = nn.Sequential(*groups)
        self.batchnorm = nn.BatchNorm2d(last)
        self.logits = nn.Linear(last, published.NUM_CLASSES)

    def forward(self, x):
        x = self.layer(self.init_conv(x))
        return self.logits(F.silu(self.batchnorm(x)).mean((2, 3)))


def network(kind: str, depth: int, width: int, **options: Any) -> Any:
    if kind == "cifar_resnet":
        return ResNet(Activated, depth, width, "shortcut", head="linear")
    if kind == "torchvision_resnet":
        return ResNet(Activated, depth, width, "downsample", head="fc", large=True)
    if kind == "preact_resnet":
        raw, final = options["raw_shortcut"], options["final_norm"]
        return ResNet(PreActivated, depth, width, raw, head="linear", final=final)
    make = WideResNet if kind == "robustbench_wrn" else DeepMindWideResNet
    return make(depth, width)


def logits(case: published.Case) -> np.ndarray:
    """What PyTorch computes, of pixels that are standardised as the case says."""
    made = network(case.kind, case.depth, case.width, **case.options)
    state = {n: torch.from_numpy(np.array(a)) for n, a in case.arrays().items()}
    buffers = [state.pop(name) for name in case.pixel_names if name in state]
    made.load_state_dict(state)
    pixels = torch.from_numpy(case.pixels().transpose(0, 3, 1, 2))
    mean, stddev = buffers or (torch.tensor(0.0), torch.tensor(1.0))
    with torch.no_grad():
        return made.eval()((pixels - mean) / stddev).numpy()


if __name__ == "__main__":
    found = {name: logits(case).tolist() for name, case in published.CASES.items()}
    path = pathlib.Path(__file__).with_name("classifier_logits.json")
    rows = ",\n".join(f'  "{name}": {json.dumps(rows)}' for name, rows in found.items())
    path.write_text(f"{{\n{rows}\n}}\n")
