"""Draws images of classes from a classifier: python3 ebm_tf/generate.py CONFIG."""

if __name__ == "__main__":  # first, so that a mistake is answered at once
    import pathlib
    import sys

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
    from ebm_tf.runtime.launch import main

    sys.exit(main("generate"))

import dataclasses
import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from ebm_tf.config.core import to_mapping
from ebm_tf.config.generation import ImageGeneration
from ebm_tf.config.parts import Network
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import check_labels, describe_data, load_images, num_images
from ebm_tf.data.sources import (
    Source,
    deferred,
    positions_at_random,
    subset,
    unaugmented,
)
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation import class_samples, drawn_images, variations
from ebm_tf.evaluation.class_samples import Labelled, Standard, make_standard
from ebm_tf.evaluation.features import Extractor, open_extractor
from ebm_tf.evaluation.reference import summary_of_reference
from ebm_tf.evaluation.summaries import few_references
from ebm_tf.models.ebm import image_shape, logits_of, num_classes
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas, gather, make_replicas
from ebm_tf.runtime.inputs import require_same
from ebm_tf.runtime.kept import kept, short_hash
from ebm_tf.runtime.learner import summary
from ebm_tf.runtime.plots import save_animation, save_panels
from ebm_tf.runtime.rows import over_rows
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling import class_starts
from ebm_tf.sampling.class_chains import ClassSampling
from ebm_tf.sampling.class_starts import ClassImages, StartFn, class_start
from ebm_tf.sampling.class_statistics import ClassStatistics, class_statistics
from ebm_tf.sampling.segments import run_chains
from ebm_tf.store.models import LoadedModel, open_model
from ebm_tf.store.network_sources import ENERGY
from ebm_tf.store.provenance import provenance

MOST_TESTED = 2000


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a generation is made of.

    Attributes:
      config: the experiment.
      replicas: its devices.
      model: the classifier or the energy.
      files: of its weights, by role.
      source: images of learning.
      test: images by which judges of classes are judged.
      extractor: of features.
    """

    config: ImageGeneration
    replicas: Replicas
    model: LoadedModel
    files: dict[str, str]
    source: Source
    test: Source
    extractor: Extractor

    @property
    def num_classes(self) -> int | None:
        """Of the classifier; None of an energy."""
        if isinstance(self.config.energy, Network):
            return None
        return num_classes(self.model.networks[ENERGY])

    @property
    def classes(self) -> tuple[int, ...]:
        """Those that images are drawn of."""
        return self.config.classes or tuple(range(self.num_classes or 0))


def run(config: ImageGeneration, workspace: Workspace) -> dict[str, Any]:
    """Draws images and measures them, and does so for every variation.

    Returns:
      On the first worker, the metrics of the images, `by_num_steps` where several
      numbers of steps are measured, and `variations`; nothing on others.
    """
    results = generate(build(config), workspace)
    if not config.variations:
        return results
    rows = {
        variation.setting: [
            _part(one, workspace.part(name)) | {"value": value}
            for name, value, one in variations.experiments(config, variation)
        ]
        for variation in config.variations
    }
    if not workspace.is_chief:
        return {}
    found = variations.table(rows, config.features.name)
    path = workspace.path("plots", "variations.png")
    save_panels(path, variations.panels(found, config.features.name))
    return results | {"variations": found}


def _part(config: ImageGeneration, workspace: Workspace) -> dict[str, Any]:
    """The results of a variation, in a folder of its own, where they are kept."""
    return workspace.results_or(lambda: generate(build(config), workspace))


def describe(config: ImageGeneration) -> Iterator[str]:
    """What a run would build and read, a line each; nothing is written."""
    parts = build(config)
    yield summary(ENERGY, parts.model.networks[ENERGY])
    for role, path in parts.files.items():
        yield f"weights of the {role}: {path}"
    yield f"chains: {_words(parts)}"
    yield f"features: {parts.extractor.name}, {parts.extractor.weights}"
    for variation in config.variations:
        experiments = list(variations.experiments(config, variation))
        yield f"varied: {variation.setting}, {len(experiments)} values"
    yield from check_data(parts, few=True)


def _words(parts: Parts) -> str:
    config = parts.config
    classes = f" of classes {list(parts.classes)}" if parts.classes else ""
    return (
        f"{config.num_samples:,} images{classes}, after {list(config.measured_steps)} "
        f"steps that descend the {config.potential} energy from "
        f"{type(config.start).__name__}"
    )


def build(config: ImageGeneration) -> Parts:
    """Opens data, network and features.

    Raises:
      UserError: if a device or a weight file is missing, or a class is none of the
        classifier; if a dataset is missing, what first reads it.
    """
    replicas = make_replicas(config.device, config.in_lanes)
    replicas.batch_of_each(config.batch)
    data, held_out = unaugmented(config.data), config.test_split
    source = deferred(lambda: open_source(data))
    test = deferred(lambda: open_source(unaugmented(data, held_out)))
    extractor = open_extractor(config.features, config.data, replicas)
    with replicas.strategy.scope():
        model = open_model(
            config, [ENERGY], shared=config.weights, kind=config.weights_kind
        )
    parts = Parts(config, replicas, model, model.load(), source, test, extractor)
    if parts.num_classes is not None and max(parts.classes) >= parts.num_classes:
        raise ConfigError(
            f"Expected classes={config.classes} to be below {parts.num_classes}, the "
            "number that the classifier has."
        )
    return parts


def check_data(parts: Parts, *, few: bool) -> Iterator[str]:
    """Opens the data, and checks labels, a few or all; yields a line each.

    Raises:
      DataError: if data are missing, or a label is none of the classes.
    """
    yield describe_data(parts.source)
    yield describe_data(parts.test)
    if parts.num_classes is not None:
        setting = "the classifier's num_classes"
        yield from check_labels(
            parts.source, parts.num_classes, setting=setting, few=few
        )
    count = num_images(parts.source, parts.config.num_reference)
    for warning in few_references(count, parts.extractor.size):
        yield f"warning: {warning}"


def generate(parts: Parts, workspace: Workspace) -> dict[str, Any]:
    """Draws the images of an experiment, shows, exports and measures them.

    Returns:
      Their metrics, on the first worker.
    """
    config = parts.config
    inputs = parts.model.digests(None)
    inputs["images of the data"] = parts.source.digest(parts.source.num_examples)
    require_same(workspace, inputs)
    for role, path in parts.files.items():
        workspace.log(f"Weights of the {role}: {path}")
    provenance(config, parts.model.sources).log_notes(workspace)
    for line in check_data(parts, few=False):
        workspace.log(line)
    reference, name = summary_of_reference(
        config, parts.source, parts.extractor, parts.replicas, workspace
    )
    chains = sampling(parts, workspace)
    run_chains(config, chains, workspace)
    frames = chains.frames(config.measured_steps[-1]) if config.moves else None
    gather(parts.replicas, 0)  # the files of all workers are there
    if not workspace.is_chief:
        return {}
    if frames is not None:
        save_animation(workspace.path("images", "chains.gif"), frames)
    standard = _standard(parts, reference)
    rows = drawn_images.measured(config, standard, workspace)
    several = {"by_num_steps": rows} if len(rows) > 1 else {}
    return {**rows[-1], **_conditions(parts, name, standard), **several}


def sampling(parts: Parts, workspace: Workspace) -> ClassSampling:
    """Composes where chains start, what they descend, and their steps."""
    config = parts.config
    return ClassSampling(
        config,
        parts.replicas,
        parts.model.ebm,
        parts.source,
        _start(parts, workspace),
        _statistics(parts, workspace) if config.needs_statistics else None,
    )


def _start(parts: Parts, workspace: Workspace) -> StartFn:
    config = parts.config
    found: list[np.ndarray] = []
    if class_starts.needs_images(config.start):
        loaded = load_images(parts.source, config.data)
        found = class_starts.by_class(*loaded, parts.classes)
    kept = class_starts.kept_stem(workspace.root, config.data.name)
    seed = seeds.integer(config.seed, Purpose.STARTS)
    shape = image_shape(config)
    return class_start(
        config.start, ClassImages(shape, found, parts.classes, kept, seed)
    )


def _statistics(parts: Parts, workspace: Workspace) -> ClassStatistics:
    """Of the classifier's logits of images of learning, kept beside the runs."""
    config, source = parts.config, parts.source
    key = [
        sorted(parts.model.digests(None).items()),
        source.digest(source.num_examples),
        [to_mapping(config.energy), config.compute_dtype],
        [config.data.image_size, config.data.channels],
        [config.num_statistics, config.seed],
    ]
    name = f"{os.path.basename(config.data.name)}_{short_hash(key)}.npz"
    path = os.path.join(workspace.root, "class_statistics", name)
    return kept(path, ClassStatistics, functools.partial(_measured_statistics, parts))


def _measured_statistics(parts: Parts) -> ClassStatistics:
    """The same, of some images that the seed draws; every worker does all of it."""
    config, source = parts.config, parts.source
    seed = seeds.integer(config.seed, Purpose.STATISTICS)
    chosen = positions_at_random(source.num_examples, config.num_statistics, seed)
    images, labels = load_images(subset(source, chosen), config.data)
    logits = logits_of(parts.model.networks[ENERGY])
    run = over_rows(logits, parts.replicas, config.batch, together=False)
    return class_statistics(run(images), labels)


def _standard(parts: Parts, reference: Any) -> Standard:
    """What the images are measured by."""
    config, network = parts.config, parts.model.networks[ENERGY]
    test = load_images(parts.test, config.data, limit=MOST_TESTED)
    is_classifier = parts.num_classes is not None
    return make_standard(
        logits_of(network) if is_classifier else None,
        Labelled(parts.source, config.data, test),
        reference,
        parts.extractor,
        parts.replicas,
        num_classes=parts.num_classes or int(test[1].max()) + 1,
        batch=config.batch,
        seed=config.seed,
    )


def _conditions(parts: Parts, reference: str, standard: Standard) -> dict[str, Any]:
    """What the images were made with, and measured by."""
    config, extractor = parts.config, parts.extractor
    return {
        "judge_accuracy": standard.judged_by.test_accuracy,
        "classes": list(parts.classes),
        "potential": config.potential,
        "start": to_mapping(config.start),
        "langevin": to_mapping(config.langevin),
        "stop_within": config.stop_within,
        "features": extractor.name,
        "feature_weights": extractor.weights,
        "resize": extractor.resize,
        "reference": reference,
        "weights": parts.files,
        "data": config.data.name,
        "split": config.data.split,
        "seed": config.seed,
        "units": class_samples.MEANINGS,
    }
