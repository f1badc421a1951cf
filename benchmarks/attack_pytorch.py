"""The PyTorch side of the attack benchmark: eager, channels last, float32.

Runs in a process of its own.
"""

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from benchmarks.workers import Measurements, milliseconds

EPSILON, CHANNELS, NUM_CLASSES, MOMENTUM, LEAST_RISING = 1e-6, 3, 10, 0.75, 0.75


def measurements(settings: dict[str, Any]) -> Measurements:
    """Milliseconds of the attack on a batch."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = ResNet18(settings["width"]).eval().requires_grad_(False)
    model = model.to(device, memory_format=torch.channels_last)
    size = settings["image_size"]
    images = 1.8 * torch.rand(settings["batch"], CHANNELS, size, size) - 0.9
    images = images.to(device, memory_format=torch.channels_last)
    labels = model(images).argmax(1)

    def timed(attack: Callable[[], torch.Tensor]) -> Callable[[], float]:
        return lambda: milliseconds(lambda: attack().cpu())

    return {
        "pytorch_pgd": timed(lambda: pgd(model, images, labels, settings["pgd_steps"])),
        "pytorch_apgd_ce": timed(
            lambda: apgd(model, images, labels, settings["windows"])
        ),
    }


def seen(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss [n] and gradient."""
    images = images.detach().requires_grad_()
    loss = functional.cross_entropy(model(images), labels, reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), images)
    return loss.detach(), gradient


def projected(images: torch.Tensor, centers: torch.Tensor) -> torch.Tensor:
    """The nearest images in the ball and in [-1, 1]."""
    images = torch.minimum(torch.maximum(images, centers - EPSILON), centers + EPSILON)
    return images.clamp(-1.0, 1.0)


def chosen(first: torch.Tensor, images: torch.Tensor, others: torch.Tensor):
    """Images where `first` [n] holds, others elsewhere."""
    return torch.where(first[:, None, None, None], images, others)


def pgd(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, num_steps: int
) -> torch.Tensor:
    """PGD that keeps the image of the highest loss."""
    noise = EPSILON * (2 * torch.rand_like(images) - 1)
    x = best = projected(images + noise, images)
    best_loss = torch.full([len(images)], -torch.inf, device=images.device)
    for _ in range(num_steps):
        loss, gradient = seen(model, x, labels)
        best = chosen(loss > best_loss, x, best)
        best_loss = torch.maximum(loss, best_loss)
        x = projected(x + EPSILON / 4 * gradient.sign(), images)
    with torch.no_grad():
        loss = functional.cross_entropy(model(x), labels, reduction="none")
    return chosen(loss > best_loss, x, best)


def apgd(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, lengths: list[int]
) -> torch.Tensor:
    """APGD-CE for whole batches; lengths of windows are at the steps that end them.

    Images that are misclassified already stay as they are.
    """
    with torch.no_grad():
        wrong = model(images).argmax(-1) != labels
    noise = 2 * torch.rand_like(images) - 1
    noise = noise / noise.abs().amax((1, 2, 3), keepdim=True)
    x = previous = best = projected(images + EPSILON * noise, images)
    loss, gradient = seen(model, x, labels)
    best_loss = checked = loss
    best_gradient = gradient
    step, rises = torch.full_like(loss, 2 * EPSILON), torch.zeros_like(loss)
    halved = torch.zeros_like(loss, dtype=torch.bool)
    for index, window in enumerate(lengths):
        ahead = projected(x + step[:, None, None, None] * gradient.sign(), images)
        if index:
            mixed = MOMENTUM * (ahead - x) + (1 - MOMENTUM) * (x - previous)
            ahead = projected(x + mixed, images)
        previous, x, last_loss = x, ahead, loss
        loss, gradient = seen(model, x, labels)
        rises = rises + (loss > last_loss)
        better = loss > best_loss
        best, best_gradient = (
            chosen(better, x, best),
            chosen(better, gradient, best_gradient),
        )
        best_loss = torch.maximum(loss, best_loss)
        if window:
            halved = (rises < LEAST_RISING * window) | (
                ~halved & (best_loss <= checked)
            )
            step = torch.where(halved, step / 2, step)
            x, gradient = (
                chosen(halved, best, x),
                chosen(halved, best_gradient, gradient),
            )
            rises, checked = torch.zeros_like(rises), best_loss
    return chosen(wrong, images, best)


class ResNet18(nn.Module):
    """ResNet-18 with the stem of CIFAR-10: images [n,C,H,W] in [-1,1] -> logits."""

    def __init__(self, width: int):
        """Takes the channels of the first stage."""
        super().__init__()
        blocks, channels = [], width
        for stage in range(4):
            for block in range(2):
                filters = width * 2**stage
                stride = 2 if stage and not block else 1
                blocks.append(ResidualBlock(channels, filters, stride))
                channels = filters
        self.stem = conv_norm(CHANNELS, width, 3, 1)
        self.blocks = nn.Sequential(*blocks)
        self.logits = nn.Linear(channels, NUM_CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns the logits."""
        x = functional.relu(self.stem(0.5 * images + 0.5))
        return self.logits(self.blocks(x).mean((2, 3)))


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, channels: int, filters: int, stride: int):
        """Takes the channels before and after."""
        super().__init__()
        self.conv_1 = conv_norm(channels, filters, 3, stride)
        self.conv_2 = conv_norm(filters, filters, 3, 1)
        self.shortcut = (
            conv_norm(channels, filters, 1, stride) if stride > 1 else nn.Identity()
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the activated sum of both ways."""
        x = self.conv_2(functional.relu(self.conv_1(inputs)))
        return functional.relu(x + self.shortcut(inputs))


def conv_norm(channels: int, filters: int, size: int, stride: int) -> nn.Module:
    """A convolution without bias, normalised."""
    return nn.Sequential(
        nn.Conv2d(channels, filters, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(filters),
    )
