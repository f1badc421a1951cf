"""A learned model in a script: energies, classes, new images, purified images."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ebm_tf import pixels
from ebm_tf.api.images import CHAINS, as_images
from ebm_tf.config.core import Device, Dtype, Experiment
from ebm_tf.config.ebm import SampledExperiment
from ebm_tf.config.fid import FeatureExtractor, SampleMeasurement, measurement_of
from ebm_tf.config.kinds import is_own
from ebm_tf.config.own_networks import OwnNetwork
from ebm_tf.config.parts import AnyLangevin, Langevin, Samples
from ebm_tf.data.datasets import open_source
from ebm_tf.errors import ConfigError, DataError
from ebm_tf.evaluation.predictions import predictor
from ebm_tf.models.ebm import EbmModels, marginal_energy
from ebm_tf.pixels import PixelRange
from ebm_tf.runtime.distribution import Replicas, make_replicas
from ebm_tf.sampling.chain_runner import EbmSampling
from ebm_tf.sampling.purifying import (
    PurifyFn,
    energy_of,
    keys_of,
    purifier,
    step_kernel,
)
from ebm_tf.store import models as stored
from ebm_tf.store import own_networks
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER
from ebm_tf.store.own_networks import OwnSource
from ebm_tf.store.sources import find


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """The networks of a run or a release, on the devices of this machine.

    Images are arrays [n, H, W, C] of `image_shape`, with floats in `pixel_range` or
    bytes; the images that it returns are float32 in that range.

    Attributes:
      source: what was loaded.
      pixel_range: of its images: "-1..1", "0..1" or "0..255".
      networks: the Keras models of the networks and their files, by role.
      experiment: the settings of the run that learned them, or of the network's use.
      replicas: the devices.
      batch: images at once, over all devices.
    """

    source: str
    pixel_range: PixelRange
    networks: LoadedModel
    experiment: Experiment
    replicas: Replicas
    batch: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        data = self._data
        return data.image_size, data.image_size, data.channels

    @property
    def num_classes(self) -> int:
        """How many classes its classifier knows; 0 where it has none."""
        network = self.networks.networks.get(CLASSIFIER)
        return 0 if network is None else network.output_shape[-1]

    def energy(self, images: npt.ArrayLike) -> np.ndarray:
        """E(x) of images, float32 [n], not divided by a temperature; lower is likelier.

        Of a classifier it is -logsumexp of its logits, or its energy head. Images may
        leave their range by a quarter of its width, as those of `generate` do.

        Raises:
          UserError: if the images do not fit, or there is no energy.
        """
        return self._predicted(images, "energy")

    def logits(self, images: npt.ArrayLike) -> np.ndarray:
        """The classifier's logits of images, float32 [n, k].

        Raises:
          UserError: if the images do not fit, or there is no classifier.
        """
        return self._predicted(images, "logits")

    def classify(self, images: npt.ArrayLike) -> np.ndarray:
        """The probabilities p(y|x) of images, float32 [n, k].

        Raises:
          UserError: if the images do not fit, or there is no classifier.
        """
        return self._predicted(images, "probabilities")

    def generate(
        self,
        n: int,
        *,
        num_steps: int | None = None,
        denoising_steps: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Draws n images, by the chains that `fid.py` runs for the same model.

        A generator without an energy makes them itself. Chains of a conditional model
        have the classes in turn: image i is of class i mod k.

        Args:
          n: how many.
          num_steps: Langevin steps of each chain; as the run measured itself if None.
          denoising_steps: further steps without noise; likewise.
          seed: of all random numbers, in [0, 2^31).

        Returns:
          Images float32 [n, H, W, C]; chains may leave the range a little.

        Raises:
          UserError: if the model has no chains, or their data is missing.
        """
        settings = self._sampling(seed)
        usual: Samples = getattr(self.experiment, "samples", Samples())
        if num_steps is None:
            num_steps = usual.num_steps
        if denoising_steps is None:
            denoising_steps = usual.denoising_steps
        needs_data = settings.start in ("data", "class_gaussian")
        source = open_source(settings.data) if needs_data else None
        chains = EbmSampling(settings, self.replicas, self._ebm, source)
        if self._ebm.energy is None:
            return pixels.to_range(chains.fresh_starts(n), self.pixel_range)
        samples = Samples(
            num_samples=max(2, n), num_steps=num_steps, denoising_steps=denoising_steps
        )
        return pixels.to_range(chains.fresh_samples(samples)[:n], self.pixel_range)

    def purify(
        self,
        images: npt.ArrayLike,
        *,
        num_steps: int,
        start_noise: float = 0.0,
        langevin: AnyLangevin | None = None,
        temperature: float | None = None,
        seed: int = 0,
        first: int = 0,
    ) -> np.ndarray:
        """Moves images by Langevin steps that descend the energy (Hill et al., 2021).

        Args:
          images: to begin from.
          num_steps: of each chain.
          start_noise: standard deviation of normal noise before the first step, in
            units of images in [-1, 1].
          langevin: the step; that of the run if None.
          temperature: by which the energy is divided; that of the run if None.
          seed: of the noise. That of an image is of the seed and its place alone.
          first: place of the first image, where more are purified than are given.

        Returns:
          Images float32 of the same shape; they may leave the range a little.

        Raises:
          UserError: if the images do not fit, or the run has no Langevin step.
        """
        run = self._purifier(num_steps, start_noise, langevin, temperature)
        found = self._as_images(images)
        moved = run(found, keys_of(seed, np.arange(first, first + len(found))))
        return pixels.to_range(moved, self.pixel_range)

    @property
    def _data(self) -> Any:
        return getattr(self.experiment, "data")  # noqa: B009

    def _as_images(self, images: npt.ArrayLike) -> np.ndarray:
        found = as_images(images, self.pixel_range, slack=CHAINS)
        if found.shape[1:] != self.image_shape:
            raise DataError(
                f"Expected images of the shape {list(self.image_shape)} for "
                f"{self.source}, got {list(found.shape[1:])}."
            )
        return found

    def outputs(self, images: npt.ArrayLike) -> dict[str, np.ndarray]:
        """What there is of "energy" [n], "logits" and "probabilities" [n, k], at once.

        Raises:
          UserError: if the images do not fit, or there is neither an energy nor a
            classifier.
        """
        found = self._predict(self._as_images(images))
        if "energy" not in found:  # a classifier has one, too
            raise ConfigError(f"{self.source} has no energy.")
        return found

    def _predicted(self, images: npt.ArrayLike, name: str) -> np.ndarray:
        found = self.outputs(images)
        if name not in found:
            raise ConfigError(f"{self.source} has no classifier.")
        return found[name]

    @functools.cached_property
    def _predict(self) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return predictor(self.networks, self.replicas, self.batch)

    @functools.cached_property
    def _ebm(self) -> EbmModels:
        """What chains need; the energy of a classifier is its marginal one."""
        found = self.networks.ebm
        classifier = self.networks.networks.get(CLASSIFIER)
        if found.energy is None and classifier is not None:
            return found._replace(energy=marginal_energy(classifier))
        return found

    def _sampling(self, seed: int) -> SampleMeasurement:
        """The chains of the run, as `fid.py` has them.

        Raises:
          ConfigError: if the run has none.
        """
        learned: Any = self.experiment
        how: dict[str, Any] = {
            "name": learned.name,
            "features": FeatureExtractor(name="pixels"),
            "batch": self.batch,
            "seed": seed,
        }
        if isinstance(learned, SampledExperiment):
            return measurement_of(learned, **how)
        if self._ebm.generator is None:
            raise ConfigError(
                f"{self.source} was learned without chains: ebm_tf.sample draws from "
                "an energy, generate.py from a classifier."
            )
        return SampleMeasurement(
            data=learned.data,
            generator=learned.generator,
            langevin=Langevin(noise=1.0),  # of which none is made
            temperature=1.0,
            **how,
        )

    @functools.lru_cache(maxsize=4)  # noqa: B019  a program for each; models are few
    def _purifier(
        self,
        num_steps: int,
        start_noise: float,
        langevin: AnyLangevin | None,
        temperature: float | None,
    ) -> PurifyFn:
        settings = self._steps(langevin, temperature)
        energy = energy_of(settings, self._ebm, self.replicas)
        return purifier(
            step_kernel(settings.langevin, energy),
            self.replicas,
            self.batch,
            num_steps=num_steps,
            start_noise=start_noise,
        )

    def _steps(
        self, langevin: AnyLangevin | None, temperature: float | None
    ) -> SampledExperiment:
        if self._ebm.energy is None:
            raise ConfigError(f"{self.source} has no energy that could purify.")
        learned = self.experiment
        if not isinstance(learned, SampledExperiment):
            if langevin is None or temperature is None:
                raise ConfigError(
                    f"{self.source} was learned without chains: give langevin and "
                    "temperature."
                )
            return SampledExperiment(
                name=learned.name,
                data=self._data,
                langevin=langevin,
                temperature=temperature,
            )
        return dataclasses.replace(
            learned,
            langevin=langevin or learned.langevin,
            temperature=temperature or learned.temperature,
        )


def load(
    source: OwnSource,
    *,
    pixel_range: PixelRange = "-1..1",
    network: OwnNetwork | None = None,
    batch: int = 100,
    device: Device = "auto",
    compute_dtype: Dtype = "float32",
) -> Model:
    """Opens the networks of a run or a release, with their best weights.

    Args:
      source: a run folder, ``release:NAME``, or a weight file that lies in a run; what
        `tools/convert_weights.py` wrote, its folder or weight file; or a network of
        one's own, that comes with its weights: FILE.keras, FILE.py:function, or a Keras
        model, of which a copy is taken.
      pixel_range: of the images that the `Model` takes and gives.
      network: of one's own, its pixels and sizes. Its pixels are those of `pixel_range`
        if None; a function needs its sizes.
      batch: images at once, over all devices; rounded up to a multiple of these.
      device: "auto", "cpu", "gpu" or "tpu".
      compute_dtype: in which networks compute: "float32", "bfloat16" or "auto".

    Raises:
      ConfigError: if a network of one's own is none, or cannot be used.
      WeightsError: if there is no run, or its weights are missing or damaged.
      DeviceError: if there is no such device.
    """
    if pixel_range not in pixels.BOUNDS:
        known = ", ".join(map(repr, pixels.BOUNDS))
        raise DataError(f"Expected pixel_range={pixel_range!r} to be one of {known}.")
    if isinstance(source, keras.Model) or is_own(source):
        how = network or OwnNetwork(pixel_range=pixel_range)
        config = own_networks.use_of(source, how)
        replicas = make_replicas(device, config.in_lanes)
        with replicas.strategy.scope():
            found = own_networks.load(source, config, compute_dtype)
    elif network is not None:
        raise ConfigError(f"Expected network=None for {source}, which knows its own.")
    else:
        config = stored.use_of(find(source))
        replicas = make_replicas(device, getattr(config, "in_lanes", False))
        with replicas.strategy.scope():
            found = stored.load(source, compute_dtype)
    named = source if isinstance(source, str) else source.name
    batch = rounded_up(batch, replicas)
    return Model(named, pixel_range, found, config, replicas, batch)


def rounded_up(batch: int, replicas: Replicas) -> int:
    """A batch that the devices divide."""
    return -(-max(1, batch) // replicas.count) * replicas.count
