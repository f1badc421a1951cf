"""Samples a learned energy and measures the images: python3 ebm_tf/fid.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("fid"))

from collections.abc import Iterator
from typing import Any

from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import Summary
from ebm_tf.models.catalogue import summary
from ebm_tf.runtime import figures
from ebm_tf.runtime.measuring.session import FidSession, open_fid_session
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.pieces import plan
from ebm_tf.store.learned import differences


def run(config: SampleMeasurement, workspace: Workspace) -> dict[str, Any]:
    """Measures the newest weights of a run, or many of them one after the other.

    The moments of the samples stay in ``moments/STEPS.npz`` of the run's folder, or of
    each part of a sweep. Another measurement compares its samples with them by
    ``--set reference=FOLDER/moments/00000100.npz``.
    """
    session = open_fid_session(config)
    for difference in differences(config) if config.moves else []:
        workspace.log(f"Note: {difference} differs from how it was learned.")
    reference = summary_of_reference(
        config, session.source, session.extractor, session.replicas, workspace
    )
    if config.sweep is not None:
        return _sweep(session, reference, workspace)
    results = session.measure(None, reference, workspace)
    rows = results.get("by_num_steps", [])  # of the first worker
    rows = [row for row in rows if row["fid"] is not None]
    if rows:
        curve = [row["num_steps"] for row in rows], [row["fid"] for row in rows]
        figures.save_curves(
            workspace.path("plots", "fid_by_num_steps.png"),
            {config.name: curve},
            labels=("Langevin steps", f"Fréchet distance ({session.extractor.name})"),
            logarithmic=True,
        )
    return results


def describe(config: SampleMeasurement) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    session = open_fid_session(config)
    for role, model in session.needed.items():
        yield summary(role, model)
    for step in session.swept_steps(config.sweep) if config.sweep else [None]:
        for role, path in session.weight_files(step).items():
            yield f"weights of the {role}: {path}"
    course = plan(config)
    yield (
        f"chains: {course.num_rounds} rounds of {config.batch}, each in "
        f"{len(course.ends)} pieces; measured after {list(course.measured)} steps"
    )
    yield f"features: {session.extractor.name}, {session.extractor.weights}"
    if config.reference is not None:
        yield f"reference: {config.reference}"
    if (source := session.source) is not None:
        yield f"data: {source.num_examples:,} images of {source.name}, {source.origin}"


def _sweep(
    session: FidSession, reference: tuple[Summary, str], workspace: Workspace
) -> dict[str, Any]:
    """Measures saved weights, each in a folder of its own; the best one counts."""
    sweep = session.config.sweep
    results: dict[int, dict[str, Any]] = {}
    for step in session.swept_steps(sweep) if sweep else []:
        part = workspace.part(f"update_{step:08d}")
        kept = part.results()
        if kept is None or kept["reference"] != reference[1]:
            kept = session.measure(step, reference, part)
            part.write_results(kept)
        results[step] = kept
        if workspace.is_chief:
            _plot(session, results, workspace)
    if not workspace.is_chief:
        return {}
    measured = {s: r for s, r in results.items() if r["fid"] is not None}
    best = min(measured, key=lambda step: measured[step]["fid"], default=step)
    by_update = [{"update": s, "fid": r["fid"]} for s, r in results.items()]
    return {**results[best], "update": best, "by_update": by_update}


def _plot(
    session: FidSession, results: dict[int, dict[str, Any]], workspace: Workspace
) -> None:
    measured = {s: r["fid"] for s, r in results.items() if r["fid"] is not None}
    if measured:
        figures.save_curves(
            workspace.path("plots", "fid_by_update.png"),
            {session.config.name: (list(measured), list(measured.values()))},
            labels=("updates", f"Fréchet distance ({session.extractor.name})"),
            mark_lowest=True,
        )
