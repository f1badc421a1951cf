"""The settings of how weights follow their gradients."""

import dataclasses
from typing import Literal

from ebm_tf.config.core import Schedule, Settings, adjustable, require


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear(Settings):
    """A value that goes evenly from the first update to the end, and then stays.

    Attributes:
      first: the value of update 0.
      last: the value from update `num_steps` on.
      num_steps: updates in between.
    """

    first: float
    num_steps: int
    last: float = 0.0

    def validate(self) -> None:
        """Checks that there is a way to go."""
        self.require_positive("num_steps")
        self.require_least(0, "first", "last")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cosine(Settings):
    """A value that follows half a cosine (Loshchilov and Hutter, 2017, one period).

    At update n it is last + (first - last) * (1 + cos(pi n / num_steps)) / 2.

    Attributes:
      first: the value of update 0.
      last: the value from update `num_steps` on.
      num_steps: updates in between.
    """

    first: float
    num_steps: int
    last: float = 0.0

    def validate(self) -> None:
        """Checks that there is a way to go."""
        self.require_positive("num_steps")
        self.require_least(0, "first", "last")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Warmup(Settings):
    """A learning rate that rises evenly from 0 before it follows another schedule.

    The rate of update n <= num_steps is n / num_steps times the value of `then` at
    update 0, so that the very first update changes no weight. Later updates have the
    value of `then` at n: its clock starts at update 0 too, not after the rise.

    Attributes:
      num_steps: updates of the rise.
      then: a constant, (rate, first update) pairs, an even decay or half a cosine.
    """

    num_steps: int
    then: Linear | Cosine | Schedule

    def validate(self) -> None:
        """Checks that there is a rise, and the rates after it."""
        self.require_positive("num_steps")
        if not isinstance(self.then, Settings):
            self.require_schedule("then", least=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer(Settings):
    """The optimizers of energies and generators.

    Attributes:
      name: "adam", "sgd" or "rmsprop", the last with PyTorch's constants and form.
      learning_rate: a constant, (rate, first update) pairs, an even decay, half a
        cosine, or a warm-up before any of these.
      beta_1: of Adam, decay of the mean of gradients.
      beta_2: of Adam, decay of the mean of their squares.
      max_grad_norm: bound on the norm of each weight tensor's gradient, after the
        mean over replicas; no bound if None.
      max_global_norm: bound on the norm of all gradients together, after the mean over
        replicas and after `max_grad_norm`; no bound if None.
      average_decay: decay of the weight average that evaluation uses; 0 follows the
        weights.
      average_warmup: whether the decay after n updates is at most (1 + n) / (10 + n),
        so that also the average of a short run forgets its beginning.
    """

    name: Literal["adam", "sgd", "rmsprop"] = "adam"
    learning_rate: Linear | Cosine | Warmup | Schedule = adjustable(1e-4)
    beta_1: float = 0.9
    beta_2: float = 0.999
    max_grad_norm: float | None = None
    max_global_norm: float | None = None
    average_decay: float = 0.9999
    average_warmup: bool = True

    def validate(self) -> None:
        """Checks rates and decays."""
        if not isinstance(self.learning_rate, Settings):
            self.require_schedule("learning_rate", least=0)
        self.require_in("[0, 1)", "beta_1", "beta_2", "average_decay")
        require(
            self.name == "adam" or (self.beta_1, self.beta_2) == (0.9, 0.999),
            "Expected beta_1=0.9 and beta_2=0.999, their defaults, where name="
            f"{self.name!r}: only 'adam' uses them.",
        )
        self.require_positive("max_grad_norm", "max_global_norm")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneCycle(Settings):
    """A value that rises once and falls once, by cosines (Smith and Topin, 2018).

    It goes from `first` to `peak` and then to `last`, with PyTorch's rounding: the
    peak is at `rise * num_steps - 1`, the end at `num_steps - 1`.

    Attributes:
      peak: the value in between.
      first: the value of the first update.
      last: the value of the last update.
      num_steps: updates of the whole cycle; the value stays at `last` after it.
      rise: the part of them before the peak.
    """

    peak: float
    first: float
    last: float
    num_steps: int
    rise: float = 0.25

    def validate(self) -> None:
        """Checks values, and that there is a rise and a fall."""
        self.require_least(0, "peak", "first", "last")
        self.require_in("(0, 1)", "rise")
        require(
            self.rise * self.num_steps > 1 and self.num_steps > 2,
            f"Expected num_steps={self.num_steps} to leave room for a rise.",
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sgd(Settings):
    """Gradient descent with momentum, in PyTorch's sense.

    The velocity is m v + g, weights move by the rate times the velocity, and weight
    decay is added to the gradient of every weight. With `nesterov` they move by the
    rate times g + m v, v being the new velocity.

    Attributes:
      learning_rate: a constant, (rate, first update) pairs, a cycle, half a cosine, or
        a warm-up.
      momentum: a constant or a cycle.
      nesterov: whether a step looks ahead by the new velocity.
      weight_decay: factor of the weights that is added to their gradients.
      max_grad_norm: as that of `Optimizer`.
      max_global_norm: as that of `Optimizer`.
      average_decay: as that of `Optimizer`.
      average_warmup: as that of `Optimizer`.
    """

    learning_rate: OneCycle | Cosine | Warmup | Schedule = adjustable(0.1)
    momentum: OneCycle | float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    max_grad_norm: float | None = None
    max_global_norm: float | None = None
    average_decay: float = 0.0
    average_warmup: bool = True

    def validate(self) -> None:
        """Checks rates, momentum and decays."""
        if not isinstance(self.learning_rate, Settings):
            self.require_schedule("learning_rate", least=0)
        momentum = self.momentum
        if isinstance(momentum, OneCycle):
            momentum = max(momentum.first, momentum.peak, momentum.last)
        require(0 <= momentum < 1, f"Expected momentum={self.momentum} in [0, 1).")
        require(
            momentum > 0 or not self.nesterov,
            f"Expected momentum={self.momentum} > 0 where nesterov=True.",
        )
        self.require_least(0, "weight_decay")
        self.require_positive("max_grad_norm", "max_global_norm")
        self.require_in("[0, 1)", "average_decay")
