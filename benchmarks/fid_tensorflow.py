"""The measuring and sampling of benchmarks/fid.py, in a process of its own."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.workers import Measurements, milliseconds, peak_bytes
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.data.datasets import open_source
from ebm_tf.evaluation import features
from ebm_tf.evaluation.features import extracted
from ebm_tf.evaluation.summaries import NUM_PARTS, Summary, compare, summarize
from ebm_tf.models.ebm import EbmModels, build_energy, image_shape
from ebm_tf.pixels import from_bytes
from ebm_tf.runtime.distribution import make_replicas
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.segments import load_samples, run_chains, save_samples


def measurements(settings: tuple[SampleMeasurement, str]) -> Measurements:
    """Milliseconds of measuring images and of running chains; bytes at the peak.

    Args:
      settings: the experiment, and an empty folder for its files.
    """
    config, folder = settings
    workspace = Workspace(folder)
    summarized = _summarizer(config)
    kept: list[Summary] = []

    def prepare_measured() -> None:
        for index, images in enumerate(_noise(config, config.num_samples, seed=0)):
            save_samples(workspace, _steps(config), index, from_bytes(images).numpy())
        count = config.num_reference or config.num_samples
        kept.append(summarized(_noise(config, count, seed=1), count, num_parts=1))

    def measured() -> None:
        files = load_samples(folder, _steps(config))
        images = (part for part, _ in files)
        samples = summarized(images, config.num_samples, num_parts=NUM_PARTS)
        compare(samples, kept[0], "pixels", config.seed)

    made: list[EbmSampling] = []

    def sampled() -> None:
        # The progress of fid.py would stand between the results.
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            run_chains(config, made[0], workspace)

    return {
        "prepare_measured": prepare_measured,
        "measured": lambda: milliseconds(measured),
        "prepare_sampled": lambda: made.append(_chains(config)),
        "sampled": lambda: milliseconds(sampled),
        "peak_bytes": peak_bytes,
    }


def _steps(config: SampleMeasurement) -> int:
    return config.measured_steps[-1]


def _noise(config: SampleMeasurement, count: int, *, seed: int) -> Iterator[np.ndarray]:
    """Random bytes [n, H, W, C], those of one file at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, count, config.batch):
        shape = (min(config.batch, count - start), *image_shape(config))
        yield generator.integers(0, 256, shape, np.uint8)


def _summarizer(config: SampleMeasurement) -> Callable[..., Summary]:
    """Images, their count -> what is kept of their pixels."""
    replicas = make_replicas(config.device, config.in_lanes)
    extractor = features.pixels(config.data.image_size, config.data.channels)

    def summarized(images: Iterator[np.ndarray], count: int, **parts: Any) -> Summary:
        return summarize(extracted(images, extractor, replicas), count, **parts)

    return summarized


def _chains(config: SampleMeasurement) -> EbmSampling:
    """As fid.py makes them, with random weights."""
    replicas = make_replicas(config.device, config.in_lanes)
    shape = (config.data.image_size, config.data.channels, config.compute_dtype)
    networks = (config.energy, config.generator, config.prior)
    with replicas.strategy.scope():
        models = EbmModels(*(one and build_energy(one, *shape) for one in networks))
    return EbmSampling(config, replicas, models, open_source(config.data))
