"""A run that learns an energy-based model, from its start to its figures."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ebm_tf.runtime import actions, figures, learning_run
from ebm_tf.runtime.distribution import local
from ebm_tf.runtime.ebms.session import EbmSession
from ebm_tf.runtime.learning_run import MOST_PICTURED
from ebm_tf.runtime.loop import Action, Moment, every
from ebm_tf.runtime.workspace import Workspace


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
    if session.source is not None and workspace.is_chief:
        learning_run.show_data(session.source, config.data, workspace)
    results = learning_run.learn(
        session,
        workspace,
        save_every=config.save_every,
        actions=lambda: [*_actions(session, workspace), *also],
        before_save=_weight_files(session, workspace),
    )
    return results | _measure(session, workspace)


def describe(session: EbmSession) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    models = session.networks.models.by_role
    yield from learning_run.describe_networks(session, models)
    for name, size in session.bank_sizes._asdict().items():
        if name == "burn_in" and not size:
            continue
        num_chains = size * session.replicas.count
        yield f"{name}: {num_chains:,} chains, {session.bank_bytes(num_chains):,} bytes"
    yield from learning_run.describe_weights(session)
    if session.source is not None:
        yield learning_run.describe_data(session.source)


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
    saves = []
    for role, network in session.networks.learned.items():
        saves += [
            actions.save_network(workspace, role, lambda n=network: n.model),
            actions.save_network(workspace, f"{role}_average", session.averages[role]),
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
    figures.save_animation(workspace.path("images", "chains.gif"), frames)
    return learning_run.measure_samples(
        samples, session.source, session.config.data, workspace
    )
