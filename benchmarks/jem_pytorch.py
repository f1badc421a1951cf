"""The PyTorch side of the JEM benchmark: eager, channels last, float32.

Runs in a process of its own.
"""

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from benchmarks.workers import Measurements, milliseconds

DRIFT, NOISE, DATA_NOISE, REINITIALISED, SLOPE = 1.0, 1e-2, 0.03, 0.05, 0.2
CHANNELS, NUM_CLASSES, STEM_CHANNELS, GROUP_CHANNELS = 3, 10, 16, (16, 32, 64)


def measurements(settings: dict[str, Any]) -> Measurements:
    """Milliseconds of an update, by all threads and by one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = WideResNet(settings["depth"], settings["width"])
    model = model.to(device, memory_format=torch.channels_last)
    update = make_update(model, settings, device)
    all_threads = torch.get_num_threads()

    def time(num_threads: int) -> float:
        torch.set_num_threads(num_threads)
        return milliseconds(lambda: update().item())

    return {
        "pytorch_ms": lambda: time(all_threads),
        "pytorch_one_thread_ms": lambda: time(1),
    }


def make_update(
    model: nn.Module, settings: dict[str, Any], device: str
) -> Callable[[], torch.Tensor]:
    """What makes an update of JEM on noise images; it returns the loss."""
    size, batch = settings["image_size"], settings["batch"]
    bank = uniform(settings["bank_size"], size, device)
    data = uniform(batch, size, device)
    labels = torch.arange(batch, device=device) % NUM_CLASSES
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def update() -> torch.Tensor:
        slots = torch.randint(len(bank), [batch], device=device)
        fresh = torch.rand(batch, 1, 1, 1, device=device) < REINITIALISED
        chains = torch.where(fresh, uniform(batch, size, device), bank[slots])
        chains = sampled(model, chains, settings["num_steps"])
        bank[slots] = chains
        logits = model(data + DATA_NOISE * torch.randn_like(data))
        scores = logits.logsumexp(1).mean(), model(chains).logsumexp(1).mean()
        loss = functional.cross_entropy(logits, labels) - scores[0] + scores[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return update


def uniform(number: int, size: int, device: str) -> torch.Tensor:
    """Images of noise in [-1, 1]."""
    images = 2 * torch.rand(number, CHANNELS, size, size, device=device) - 1
    return images.to(memory_format=torch.channels_last)


def sampled(model: nn.Module, chains: torch.Tensor, num_steps: int) -> torch.Tensor:
    """Moves chains by Langevin steps; only gradients in images are computed."""
    for _ in range(num_steps):
        chains = chains.detach().requires_grad_()
        score = model(chains).logsumexp(1).sum()
        (gradient,) = torch.autograd.grad(score, chains)
        noise = torch.randn_like(chains)
        chains = chains.detach() + DRIFT * gradient + NOISE * noise
    return chains


class WideResNet(nn.Module):
    """The wide ResNet of JEM, without normalisation: images [n,C,H,W] -> logits."""

    def __init__(self, depth: int, width: int):
        """Takes the number of layers, and the factor of the channels."""
        super().__init__()
        blocks, channels = [], STEM_CHANNELS
        for group, multiple in enumerate(GROUP_CHANNELS):
            for block in range((depth - 4) // 6):
                stride = 2 if group and not block else 1
                blocks.append(ResidualBlock(channels, multiple * width, stride))
                channels = multiple * width
        self.stem = nn.Conv2d(CHANNELS, STEM_CHANNELS, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.logits = nn.Linear(channels, NUM_CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        x = functional.leaky_relu(self.blocks(self.stem(images)), SLOPE)
        return self.logits(x.mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two pre-activated convolutions, of which the second strides, and a shortcut."""

    def __init__(self, channels: int, filters: int, stride: int):
        """Takes the channels before and after."""
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, filters, 3, padding=1)
        self.conv_2 = nn.Conv2d(filters, filters, 3, stride, padding=1)
        convolved = stride > 1 or channels != filters
        self.shortcut = (
            nn.Conv2d(channels, filters, 1, stride) if convolved else nn.Identity()
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the sum of both ways."""
        x = self.conv_1(functional.leaky_relu(inputs, SLOPE))
        x = self.conv_2(functional.leaky_relu(x, SLOPE))
        return x + self.shortcut(inputs)
