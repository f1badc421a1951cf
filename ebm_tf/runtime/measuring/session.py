"""A measurement of samples on its devices."""

import dataclasses
from typing import Any

import keras

from ebm_tf.config.fid import SampleMeasurement, Sweep
from ebm_tf.data.datasets import open_source
from ebm_tf.data.pipelines import num_batches
from ebm_tf.data.sources import Source
from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.evaluation.features import Extractor, extracted, open_extractor
from ebm_tf.evaluation.frechet import save_moments
from ebm_tf.evaluation.summaries import Summary, compare, summarize
from ebm_tf.models.ebm import EbmModels, build_models
from ebm_tf.runtime import seeds
from ebm_tf.runtime.distribution import Replicas, gather, make_replicas
from ebm_tf.runtime.seeds import Purpose
from ebm_tf.runtime.workspace import Workspace
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.pieces import load_samples, run_chains
from ebm_tf.store.learned import weight_files
from ebm_tf.store.sources import load_weights, saved_steps


@dataclasses.dataclass(frozen=True)
class FidSession:
    """The networks, the data and the devices of a measurement.

    Attributes:
      config: the experiment.
      replicas: its devices.
      models: the networks that are sampled.
      source: the images that samples are compared with; None where nothing needs
        a dataset.
      extractor: of their features.
    """

    config: SampleMeasurement
    replicas: Replicas
    models: EbmModels
    source: Source | None
    extractor: Extractor

    @property
    def chains(self) -> EbmSampling:
        """The chains that are run."""
        config = self.config
        return EbmSampling(
            config=config,
            replicas=self.replicas,
            models=self.models,
            source=self.source,
            start=config.start,
            noise_scale=config.noise_scale,
            batch=config.batch,
            joint_temperature=config.joint_temperature,
        )

    @property
    def needed(self) -> dict[str, keras.Model]:
        """The networks that are needed, by role: all where chains move."""
        models = self.models.by_role
        if self.config.moves:
            return models
        return {role: models[role] for role in models if role == "generator"}

    def weight_files(self, step: int | None) -> dict[str, str]:
        """The weight file of every network that is needed, by role.

        Args:
          step: of the run's saved weights; the newest if None.

        Raises:
          WeightsError: if one is missing.
        """
        return weight_files(self.config, self.needed, step)

    def load_weights(self, step: int | None) -> dict[str, str]:
        """Loads the weights that are needed; returns their files, by role.

        Args:
          step: of the run's saved weights; the newest if None.

        Raises:
          WeightsError: if they are missing, damaged or made for other networks.
        """
        files = self.weight_files(step)
        for role, path in files.items():
            load_weights(self.needed[role], path, role)
        return files

    def swept_steps(self, sweep: Sweep) -> list[int]:
        """The saved weights that a sweep measures, by their number of updates.

        Raises:
          WeightsError: if there are none.
        """
        config = self.config
        if config.weights is None:
            raise WeightsError("A sweep needs a run: --set weights=RUN.")
        role, kind = "energy" if config.moves else "generator", config.weights_kind
        saved = saved_steps(config.weights, role, kind=kind)
        if not saved:
            raise WeightsError(
                f"The run {config.weights} has no {kind} weights of its {role}."
            )
        chosen = [
            step
            for step in saved
            if sweep.first <= step <= (sweep.last or step) and step % sweep.every == 0
        ]
        if not chosen:
            raise WeightsError(
                f"None of the weights of {config.weights} are to be swept: they are "
                f"those after {', '.join(map(str, saved))} updates."
            )
        return chosen

    def measure(
        self, step: int | None, reference: tuple[Summary, str], workspace: Workspace
    ) -> dict[str, Any]:
        """Runs the chains of one set of weights, and measures their images.

        The moments of their features are kept in ``moments/STEPS.npz``.

        Returns:
          On the first worker, the figures after the most Langevin steps, and of
          several measured numbers of them, under `by_num_steps`, those after each.
        """
        files = self.load_weights(step)
        for role, path in files.items():
            workspace.log(f"Weights of the {role}: {path}")
        run_chains(self.config, self.chains, workspace)
        gather(self.replicas, 0)  # the files of all workers are there
        if not workspace.is_chief:
            return {}
        rows = []
        for num_steps in self.config.measured_steps:
            figures = self._figures(num_steps, reference[0], workspace)
            rows.append({"num_steps": num_steps, **figures})
            workspace.log(f"{num_steps} Langevin steps: fid {rows[-1]['fid']}")
        several = {"by_num_steps": rows} if len(rows) > 1 else {}
        return {**rows[-1], **self._facts(files, reference[1]), **several}

    def _figures(
        self, num_steps: int, reference: Summary, workspace: Workspace
    ) -> dict[str, Any]:
        rounds = list(_counts(workspace.folder, num_steps))
        finite, broken = (sum(column) for column in zip(*rounds, strict=True))
        if broken:
            return {"fid": None, "num_samples": finite, "num_not_finite": broken}
        total = min(finite, self.config.num_samples)
        images = (part for part, _ in load_samples(workspace.folder, num_steps))
        vectors = extracted(_first(images, total), self.extractor, self.replicas)
        samples = summarize(vectors, total)
        save_moments(workspace.path("moments", f"{num_steps:08d}.npz"), samples.whole)
        return compare(samples, reference, self.config.seed)

    def _facts(self, files: dict[str, str], reference: str) -> dict[str, Any]:
        """What the figures were made with."""
        config, extractor = self.config, self.extractor
        return {
            "features": extractor.name,
            "feature_weights": extractor.weights,
            "resize": extractor.resize,
            "reference": reference,
            "weights": files,
            "weights_kind": config.weights_kind,
            "start": config.start,
            "denoising_steps": config.denoising_steps,
            "joint_temperature": config.joint_temperature,
            "seed": config.seed,
        }


def _counts(folder: str, num_steps: int):
    """Finite and other images of every round."""
    for images, num_not_finite in load_samples(folder, num_steps):
        yield len(images), num_not_finite


def _first(arrays, total: int):
    """The first rows of arrays, `total` in all."""
    for array in arrays:
        if total <= 0:
            return
        yield array[:total]
        total -= len(array)


def _require_images(config: SampleMeasurement, source: Source) -> None:
    """Refuses to count images of the data twice as samples."""
    if not config.moves and config.num_samples > source.num_examples:
        raise ConfigError(
            f"Expected num_samples={config.num_samples} to be at most "
            f"{source.num_examples}, the images of the data, where chains begin from "
            "them and do not move."
        )


def open_fid_session(config: SampleMeasurement) -> FidSession:
    """Builds the networks on the devices and opens data and features.

    Raises:
      UserError: if a device, a dataset or a weight file is missing.
    """
    replicas = make_replicas(config.device)
    replicas.batch_of_each(config.batch)
    if config.data.name == "generator":
        raise ConfigError("Expected data.name to be a dataset to compare with.")
    # Published moments stand for the images, if no chain begins from these.
    needs_data = config.reference is None or config.start == "data"
    source = open_source(config.data) if needs_data else None
    if source is not None and config.start == "data":
        num_batches(source, config.batch)  # raises where there is none
        _require_images(config, source)
    extractor = open_extractor(config, replicas)
    keras.utils.set_random_seed(seeds.integer(config.seed, Purpose.WEIGHTS))
    with replicas.strategy.scope():
        models = build_models(config)
    session = FidSession(config, replicas, models, source, extractor)
    # What is missing or does not fit is told at once.
    steps = session.swept_steps(config.sweep) if config.sweep else [None]
    for step in steps:
        session.weight_files(step)
    session.load_weights(steps[0])
    return session
