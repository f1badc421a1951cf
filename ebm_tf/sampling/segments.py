"""Chains that are run in segments: a kill loses a few, whatever their length."""

import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ebm_tf import pixels
from ebm_tf.config.fid import MeasuredChains
from ebm_tf.errors import RunError
from ebm_tf.protocols import Chains
from ebm_tf.runtime import actions, plots
from ebm_tf.runtime.distribution import (
    distributed,
    local,
    of_replica,
    on_each,
    replicated,
)
from ebm_tf.runtime.files import load_arrays, names_in, save_arrays
from ebm_tf.runtime.loop import Action, Loop, Moment, Task
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling, class_order

FOLDER = "samples"
MOST_PICTURED = 100
MOST_TRACED = 50
LOG_LINES = 20


class Schedule(NamedTuple):
    """Rounds of chains, each of them in segments.

    Attributes:
      num_rounds: how often a batch of chains is begun.
      ends: Langevin steps from the start of the chains to the end of each segment.
    """

    num_rounds: int
    ends: tuple[int, ...]

    @property
    def num_segments(self) -> int:
        """Segments of all rounds."""
        return self.num_rounds * len(self.ends)

    def place(self, done: int) -> tuple[int, int]:
        """Round and segment that come after a number of segments."""
        return divmod(done, len(self.ends))


class SampledChains(NamedTuple):
    """The chains of one replica on their way.

    Attributes:
      chains: without latents and ages, which are not needed here.
      energies: float32 [segments, n], of the first round, before the last step of each
        segment.
      drift_norms: float32 [segments, n], likewise.
    """

    chains: Chains
    energies: tf.Tensor
    drift_norms: tf.Tensor


def schedule_of(config: MeasuredChains) -> Schedule:
    """How the chains of an experiment are run."""
    measured = config.measured_steps
    size = config.record_every or max(1, -(-measured[-1] // 100))
    ends = {*range(size, measured[-1], size), *measured}
    return Schedule(-(-config.num_samples // config.batch), tuple(sorted(ends)))


def run_chains(
    config: MeasuredChains, chains: EbmSampling, workspace: Workspace
) -> None:
    """Runs all chains, or what is left of them, and keeps their images as files."""
    schedule = schedule_of(config)
    n, total, unit = chains.replica_batch, schedule.num_segments, "segments"
    rows = tf.zeros([len(schedule.ends), n])
    state = SampledChains(_only_what_moves(chains.zeros(n)), rows, rows)
    task = Task(
        step=_step(chains, schedule, moves=config.moves),
        initial_state=lambda: distributed(
            chains.replicas, [state] * chains.replicas.num_local
        ),
        state_structure=state,
        batches=functools.partial(_segments, chains, schedule),
        unit=unit,
    )
    loop = Loop(
        task,
        chains.replicas,
        workspace,
        guard=None,
        save_every=config.save_every,
        seed=config.seed,
    )
    happens = [_keep_images(config, chains, schedule, workspace)]
    if workspace.is_chief:
        happens += [
            actions.show_progress(total, unit),
            actions.log_metrics(workspace, total, max(1, total // LOG_LINES), unit),
        ]
    if workspace.is_chief and config.moves:
        happens.append(_plot_traces(chains, schedule, workspace))
    loop.run(total, happens)


@functools.lru_cache(maxsize=1)  # a sweep runs the same chains with other weights
def _step(chains: EbmSampling, schedule: Schedule, *, moves: bool) -> Callable:
    """Compiles what runs a segment; where chains do not move, no energy is computed."""
    sample, bounds = chains.sample, tf.constant([0, *schedule.ends])

    def step(state: SampledChains, segment: tuple, _: tf.Tensor) -> Any:
        starts, round_key, row = segment
        begin_key, key = tf.unstack(tf.random.split(of_replica(round_key), 2))
        start, num_steps = bounds[row], bounds[row + 1] - bounds[row]
        before = tf.cond(
            start == 0,
            lambda: _only_what_moves(chains.begin(starts, begin_key)),
            lambda: state.chains,
        )
        if not moves:
            return state._replace(chains=before), {}, ()
        # A segment of no steps takes one for the energy, which is that before it.
        moved, info = sample(before, tf.maximum(num_steps, 1), key, start=start)
        moved = tf.nest.map_structure(
            lambda after, leaf: tf.where(num_steps > 0, after, leaf), moved, before
        )

        def recorded(rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
            updated = tf.tensor_scatter_nd_update(rows, row[None, None], [values])
            return tf.where(starts.index == 0, updated, rows)

        metrics = {
            "energy": tf.reduce_mean(info.energy),
            "drift_norm": tf.reduce_mean(info.drift_norm),
        }
        energies = recorded(state.energies, info.energy)
        drift_norms = recorded(state.drift_norms, info.drift_norm)
        return SampledChains(moved, energies, drift_norms), metrics, ()

    return replicated(chains.replicas, step)


def _only_what_moves(chains: Chains) -> Chains:
    return chains._replace(latents=(), ages=())


def _segments(chains: EbmSampling, schedule: Schedule, done: int) -> Iterator[tuple]:
    """Starts, key and row of the segments that come after a number of them."""
    first, row = schedule.place(done)
    draws = chains.draws(Purpose.SAMPLES, schedule.num_rounds - first, first=first)
    for starts, key in draws:
        for number in range(row, len(schedule.ends)):
            yield starts, key, tf.constant(number)
        row = 0


def _keep_images(
    config: MeasuredChains,
    chains: EbmSampling,
    schedule: Schedule,
    workspace: Workspace,
) -> Action:
    """Writes the images of measured steps, and pictures those of the first round."""
    finish = _denoised(chains, config.denoising_steps)

    def keep(moment: Moment) -> None:
        index, row = schedule.place(moment.step - 1)
        num_steps = schedule.ends[row]
        if num_steps not in config.measured_steps:
            return
        parts = local(chains.replicas, finish(moment.state.chains))
        done = tf.nest.map_structure(lambda *leaves: np.concatenate(leaves), *parts)
        save_samples(workspace, num_steps, index, done.images, done.labels)
        if index == 0 and workspace.is_chief:
            path = workspace.path("images", f"samples_{num_steps:08d}.png")
            some = tf.nest.map_structure(lambda leaf: leaf[:MOST_PICTURED], done)
            plots.save_grid(path, some.images[class_order(some.labels)])

    return keep


@functools.lru_cache(maxsize=1)
def _denoised(chains: EbmSampling, num_steps: int) -> Callable[[Any], Any]:
    """Chains after the steps without noise."""
    if not num_steps:
        return lambda noisy: noisy
    denoise = chains.denoise
    run = on_each(
        chains.replicas, lambda noisy, seed: denoise(noisy, num_steps, seed)[0]
    )
    return lambda noisy: run(noisy, tf.constant([0, 0]))


def _plot_traces(
    chains: EbmSampling, schedule: Schedule, workspace: Workspace
) -> Action:
    """Plots energies and drifts of the first round, as far as it has come."""

    def plot(moment: Moment) -> None:
        index, row = schedule.place(moment.step - 1)
        count = row + 1
        if index or (count < len(schedule.ends) and count % 10):
            return
        parts = local(chains.replicas, moment.state)
        energies, drifts = (
            np.concatenate([getattr(part, name) for part in parts], axis=1)
            for name in ("energies", "drift_norms")
        )
        known = slice(count), slice(MOST_TRACED)
        path = workspace.path("plots", "traces.png")
        # Energies are those before the last step of a segment.
        steps = np.maximum(np.array(schedule.ends[:count]) - 1, 0)
        plots.save_traces(path, steps, energies[known], drifts[known])

    return plot


def save_samples(
    workspace: Workspace,
    num_steps: int,
    index: int,
    images: np.ndarray,
    labels: Any = (),
) -> None:
    """Writes images [n, H, W, C] in [-1, 1] of this worker, rounded to 8 bits.

    Args:
      workspace: the run's folder.
      num_steps: Langevin steps that the chains have made.
      index: of the round.
      images: those that are not finite are counted and left out.
      labels: integers [n] where the images have classes, which are kept beside them.
    """
    finite = np.isfinite(images).all(axis=(1, 2, 3))
    name = f"{index:05d}_{workspace.worker}.npz"
    save_arrays(
        workspace.path(FOLDER, f"{num_steps:08d}", name),
        images=pixels.to_bytes(images[finite]),
        num_not_finite=np.sum(~finite),
        **({} if isinstance(labels, tuple) else {"labels": labels[finite]}),
    )


def saved_steps(folder: str) -> list[int]:
    """The numbers of Langevin steps of which a run has samples."""
    names = names_in(os.path.join(folder, FOLDER))
    return sorted(int(name) for name in names if name.isdigit())


def load_samples(folder: str, num_steps: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yields images uint8 [n, H, W, C] and how many more were not finite, by rounds.

    Raises:
      RunError: if there are none, or a file is damaged.
    """
    for stored in _sample_files(folder, num_steps):
        yield stored["images"], int(stored["num_not_finite"])


def load_labels(folder: str, num_steps: int) -> Any:
    """The classes of all these images, int32 [N], in their order; () without any.

    Raises:
      RunError: as `load_samples`.
    """
    files = list(_sample_files(folder, num_steps))
    if "labels" not in files[0]:
        return ()
    return np.concatenate([stored["labels"] for stored in files])


def _sample_files(folder: str, num_steps: int) -> Iterator[dict[str, np.ndarray]]:
    path = os.path.join(folder, FOLDER, f"{num_steps:08d}")
    names = [name for name in names_in(path) if name.endswith(".npz")]
    if not names:
        raise RunError(f"{folder} has no samples after {num_steps} Langevin steps.")
    for name in names:
        yield load_arrays(os.path.join(path, name))
