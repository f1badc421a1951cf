"""Learns an energy-based model: python3 ebm_tf/train.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("train"))

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.config.ebm import EbmTraining
from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import WeightsError
from ebm_tf.evaluation.quality import MOST_DIMENSIONS, measure_pixels
from ebm_tf.learning.optimization import averaged
from ebm_tf.runtime import actions, figures
from ebm_tf.runtime.distribution import local
from ebm_tf.runtime.ebm_session import EbmSession, open_session
from ebm_tf.runtime.loop import Action, Loop, Moment, every
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chains import chain_source

MOST_PICTURED = 100
MOST_MEASURED = 50_000


def run(config: EbmTraining, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures fresh samples."""
    session = open_session(config)
    loop = Loop(
        session.learner(chain_source(config.chains)),
        session.replicas,
        workspace,
        guard=config.guard,
        save_every=config.save_every,
        seed=config.seed,
    )
    if not loop.is_saved:
        for line in session.load_weights():
            workspace.log(line)
    if session.source is not None and workspace.is_chief:
        shown, _ = load_images(session.source, config.data, limit=MOST_PICTURED)
        figures.save_grid(workspace.path("images", "data.png"), shown)
    begun, num_before = time.monotonic(), loop.num_saved
    loop.run(
        config.num_updates,
        _actions(session, workspace),
        before_save=_weight_files(session, workspace),
    )
    pace = (config.num_updates - num_before) / (time.monotonic() - begun) or None
    results = {"num_updates": config.num_updates, "updates_per_second": pace}
    return results | _measure(session, workspace)


def describe(config: EbmTraining) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    session = open_session(config)
    for role, model in session.networks.models.items():
        yield f"{role}: {model.name}, {model.count_params():,} parameters"
    replicas, batch = session.replicas.count, session.replica_batch
    yield f"replicas: {replicas}, each a batch of {batch}"
    num_chains = session.num_bank_batches * batch * replicas
    yield f"bank: {num_chains:,} chains, {session.bank_bytes(num_chains):,} bytes"
    try:
        yield from session.load_weights()
    except WeightsError as error:
        yield f"missing: {error}"
    source = session.source
    if source is not None:
        yield f"data: {source.num_examples:,} images of {source.name}, {source.origin}"


def _actions(session: EbmSession, workspace: Workspace) -> list[Action]:
    """What happens between updates, on the first worker."""
    if not workspace.is_chief:
        return []
    config, networks = session.config, session.networks

    def negatives(moment: Moment) -> np.ndarray:
        return local(session.replicas, moment.outputs.images)[0].numpy()

    def bank(moment: Moment) -> np.ndarray:
        images = local(session.replicas, moment.state.bank.images)[0]
        return images[:MOST_PICTURED].numpy()

    pictures = {"samples": negatives}
    if session.num_bank_batches:
        pictures["bank"] = bank
    if networks.cooperative is not None:
        generator = networks.cooperative.model

        def generated(moment: Moment) -> np.ndarray:
            latents = local(session.replicas, moment.outputs.latents)[0]
            return generator(latents, training=False).numpy()

        pictures["generator"] = generated
    return [
        actions.show_progress(config.num_updates),
        actions.log_metrics(workspace, config.num_updates, config.log_every),
        every(config.log_every, actions.save_diagnosis(workspace)),
        every(config.picture_every, actions.save_pictures(workspace, pictures), 1),
    ]


def _weight_files(session: EbmSession, workspace: Workspace) -> list[Action]:
    """Writes the weights of what learns, raw and averaged."""
    if not workspace.is_chief:
        return []
    saves = []
    for role, network in session.networks.learned.items():
        saves += [
            actions.save_network(workspace, role, lambda n=network: n.model),
            actions.save_network(
                workspace, f"{role}_average", lambda n=network: averaged(n)
            ),
        ]
    return saves


def _measure(session: EbmSession, workspace: Workspace) -> dict[str, Any]:
    """Draws fresh samples with the averaged weights, shows and measures them."""
    workspace.log(f"Sampling {session.config.samples.num_samples} fresh chains.")
    samples, frames = session.fresh_samples(), session.chain_frames()
    if not workspace.is_chief:
        return {}
    figures.save_grid(workspace.path("images", "samples.png"), samples[:MOST_PICTURED])
    figures.save_animation(workspace.path("images", "chains.gif"), frames)
    if session.source is None or samples[0].size > MOST_DIMENSIONS:
        return {"frechet_pixel": None, "num_samples": len(samples)}
    reference = load_images(session.source, session.config.data, limit=MOST_MEASURED)
    return measure_pixels(samples, *reference)
