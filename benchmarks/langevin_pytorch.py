"""The PyTorch side of the Langevin benchmark: eager, channels last, float32.

Runs in a process of its own.
"""

from collections.abc import Sequence
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from benchmarks.workers import Measurements, milliseconds

TEMPERATURE, NOISE, CHANNELS = 1e-4, 1e-2, 3


def measurements(settings: dict[str, Any]) -> Measurements:
    """Milliseconds a step."""
    size, steps = settings["image_size"], settings["steps"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    energy = SnganEnergy(settings["width"], *settings["layout"])
    energy = energy.eval().requires_grad_(False)
    energy = energy.to(device, memory_format=torch.channels_last)
    images = 2 * torch.rand(settings["batch"], CHANNELS, size, size) - 1
    images = images.to(device, memory_format=torch.channels_last)

    def time() -> float:
        return milliseconds(lambda: langevin(energy, images, steps).cpu(), steps)

    return {"pytorch_float32": time}


def langevin(energy: nn.Module, images: torch.Tensor, steps: int) -> torch.Tensor:
    """Moves the images by a number of Langevin steps."""
    for _ in range(steps):
        images = images.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(energy(images).sum() / TEMPERATURE, images)
        noise = torch.randn_like(images)
        images = images.detach() - NOISE**2 / 2 * gradient + NOISE * noise
    return images


class SnganEnergy(nn.Module):
    """The SNGAN energy: images [B,C,H,W] -> energies [B,1]."""

    def __init__(self, width: int, multiples: Sequence[int], num_pools: int):
        """Takes the channels of the blocks, and how many of the first ones pool."""
        super().__init__()
        self.stem_1 = nn.Conv2d(CHANNELS, width, 3, padding=1)
        self.stem_2 = nn.Conv2d(width, width, 3, padding=1)
        self.stem_shortcut = nn.Conv2d(CHANNELS, width, 1)
        widths = [width * multiple for multiple in multiples]
        pools = [index < num_pools for index in range(1, len(widths))]
        self.blocks = nn.Sequential(*map(ResidualBlock, widths[:-1], widths[1:], pools))
        self.energy = nn.Linear(widths[-1], 1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the energies."""
        x = functional.relu(self.stem_1(images))
        x = functional.avg_pool2d(self.stem_2(x), 2)
        x = x + self.stem_shortcut(functional.avg_pool2d(images, 2))
        x = functional.relu(self.blocks(x))
        return self.energy(x.mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, pooled or not."""

    def __init__(self, channels: int, filters: int, pools: bool):
        """Takes the channels before and after, and whether it halves the sides."""
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, filters, 3, padding=1)
        self.conv_2 = nn.Conv2d(filters, filters, 3, padding=1)
        convolved = pools or channels != filters
        self.shortcut = nn.Conv2d(channels, filters, 1) if convolved else nn.Identity()
        self.pool = nn.AvgPool2d(2) if pools else nn.Identity()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the sum of both ways."""
        x = self.conv_1(functional.relu(inputs))
        x = self.conv_2(functional.relu(x))
        return self.pool(x) + self.pool(self.shortcut(inputs))
