"""A run that learns a generator, from its start to its figures."""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.data.pipelines import load_images
from ebm_tf.evaluation.quality import MOST_DIMENSIONS, pixel_distance, pixel_moments
from ebm_tf.runtime import actions, figures, learning_run
from ebm_tf.runtime.generators.session import OPPONENT, ROLE, GeneratorSession
from ebm_tf.runtime.learning_run import MOST_MEASURED, MOST_PICTURED
from ebm_tf.runtime.loop import Action, Moment, every
from ebm_tf.runtime.workspace import VALIDATION, Workspace


def learn(session: GeneratorSession, workspace: Workspace) -> dict[str, Any]:
    """Learns, or goes on learning, then measures samples of the averaged generator.

    Returns:
      The results.
    """
    config = session.config
    session.check_labels(MOST_MEASURED)
    if workspace.is_chief:
        learning_run.show_data(session.source, config.data, workspace)
    results = learning_run.learn(
        session,
        workspace,
        save_every=config.save_every,
        actions=lambda: _actions(session, workspace),
        before_save=_weight_files(session, workspace),
    )
    session.averaged_generator()
    samples = session.samples(config.num_samples)
    if not workspace.is_chief:
        return results
    return results | learning_run.measure_samples(
        samples, session.source, config.data, workspace
    )


def describe(session: GeneratorSession) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    session.check_labels()
    yield from learning_run.describe_networks(session, session.models)
    count = session.config.discriminator_updates
    yield f"discriminator: {count} updates before each of the generator"
    yield from learning_run.describe_weights(session)
    yield learning_run.describe_data(session.source)


def _actions(session: GeneratorSession, workspace: Workspace) -> list[Action]:
    """What happens between updates, on the first worker."""
    config = session.config

    def pictured(_: Moment) -> np.ndarray:
        session.averaged_generator()
        return session.pictured(MOST_PICTURED)

    happening = [
        actions.show_progress(config.num_updates),
        actions.log_metrics(workspace, config.num_updates, config.log_every),
        every(
            config.picture_every,
            actions.save_pictures(workspace, {ROLE: pictured}),
            1,
        ),
    ]
    if np.prod(session.generator.model.output_shape[1:]) <= MOST_DIMENSIONS:
        measured = measure(session, workspace)
        happening.append(every(config.measure_every, measured, config.num_updates))
    return happening


def measure(session: GeneratorSession, workspace: Workspace) -> Action:
    """Measures the averaged generator, and plots how it came there."""
    config, board = session.config, actions.Board(workspace)

    @functools.cache
    def reference() -> Any:
        images, _ = load_images(session.source, config.data, limit=MOST_MEASURED)
        return pixel_moments(images)

    def act(moment: Moment) -> None:
        session.averaged_generator()
        distance = pixel_distance(session.samples(config.num_samples), reference())
        workspace.append_metrics(
            moment.step, {"frechet_pixel": distance}, name=VALIDATION
        )
        board.scalars(moment.step, {"validation/frechet_pixel": distance})
        lines = workspace.read_metrics(name=VALIDATION)
        curve = [[line[name] for line in lines] for name in ("step", "frechet_pixel")]
        figures.save_curves(
            workspace.path("plots", "frechet.png"),
            {f"{config.num_samples:,} samples": (curve[0], curve[1])},
            labels=("updates", "Frechet distance in pixels"),
            mark_lowest=True,
        )
        workspace.log(f"update {moment.step}: frechet_pixel {distance:.4g}")

    return act


def _weight_files(session: GeneratorSession, workspace: Workspace) -> list[Action]:
    """Writes the weights of both networks, and the generator's average."""
    return [
        actions.save_network(workspace, ROLE, lambda: session.generator.model),
        actions.save_network(workspace, f"{ROLE}_average", session.averaged_generator),
        actions.save_network(workspace, OPPONENT, lambda: session.discriminator.model),
    ]
