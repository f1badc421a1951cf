"""A run that learns an energy-based model, from its start to its figures."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ebm_tf.data.pipelines import load_images
from ebm_tf.errors import WeightsError
from ebm_tf.evaluation.quality import MOST_DIMENSIONS, measure_pixels
from ebm_tf.learning.optimization import averaged
from ebm_tf.runtime import actions, figures
from ebm_tf.runtime.distribution import local
from ebm_tf.runtime.ebm_session import EbmSession
from ebm_tf.runtime.loop import Action, Loop, Moment, every
from ebm_tf.runtime.workspace import Workspace

MOST_PICTURED = 100
MOST_MEASURED = 50_000


def learn(
    session: EbmSession, workspace: Workspace, also: Sequence[Action] = ()
) -> dict[str, Any]:
    """Learns, or goes on learning, then measures fresh samples.

    Args:
      session: what learns.
      workspace: the run's folder.
      also: what happens after updates besides the usual.

    Returns:
      The results.
    """
    config = session.config
    loop = Loop(
        session.task(),
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
        [*_actions(session, workspace), *also] if workspace.is_chief else [],
        before_save=_weight_files(session, workspace),
    )
    pace = (config.num_updates - num_before) / (time.monotonic() - begun) or None
    results = {"num_updates": config.num_updates, "updates_per_second": pace}
    return results | _measure(session, workspace)


def describe(session: EbmSession) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    for role, model in session.networks.models.by_role.items():
        yield f"{role}: {model.name}, {model.count_params():,} parameters"
    replicas, batch = session.replicas.count, session.replica_batch
    yield f"replicas: {replicas}, each a batch of {batch}"
    for name, size in session.bank_sizes._asdict().items():
        if name == "burn_in" and not size:
            continue
        num_chains = size * replicas
        yield f"{name}: {num_chains:,} chains, {session.bank_bytes(num_chains):,} bytes"
    try:
        yield from session.load_weights()
    except WeightsError as error:
        yield f"missing: {error}"
    source, data = session.source, session.config.data
    if source is not None:
        yield f"data: {source.num_examples:,} images of {data.name}, {source.origin}"


def _actions(session: EbmSession, workspace: Workspace) -> list[Action]:
    """What happens between updates, on the first worker."""
    config = session.config
    pictures: dict[str, actions.ImagesFn] = {
        "samples": lambda moment: _first(session, moment.outputs.images)
    }
    if session.bank_sizes.bank:
        pictures["bank"] = lambda moment: _first(session, moment.state.bank.images)
    if session.bank_sizes.burn_in:
        pictures["burn_in"] = lambda moment: _first(
            session, moment.state.burn_in.images
        )
    if "generator" in session.networks.learned:
        generator = session.networks.learned["generator"].model

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


def _first(session: EbmSession, images: Any) -> np.ndarray:
    """Images of the first replica, as many as are pictured."""
    return local(session.replicas, images)[0][:MOST_PICTURED].numpy()


def _weight_files(session: EbmSession, workspace: Workspace) -> list[Action]:
    """Writes the weights of all networks: raw, averaged, and those that stay."""
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
    for role, model in session.networks.frozen.items():
        saves.append(actions.save_network_once(workspace, role, model))
    return saves


def _measure(session: EbmSession, workspace: Workspace) -> dict[str, Any]:
    """Draws fresh samples with the averaged weights, shows and measures them."""
    settings, chains = session.config.samples, session.fresh_chains
    workspace.log(f"Sampling {settings.num_samples} fresh chains.")
    samples, frames = chains.fresh_samples(settings), chains.frames(settings.num_steps)
    if not workspace.is_chief:
        return {}
    figures.save_grid(workspace.path("images", "samples.png"), samples[:MOST_PICTURED])
    figures.save_animation(workspace.path("images", "chains.gif"), frames)
    if session.source is None or samples[0].size > MOST_DIMENSIONS:
        return {"frechet_pixel": None, "num_samples": len(samples)}
    reference = load_images(session.source, session.config.data, limit=MOST_MEASURED)
    return measure_pixels(samples, *reference)
