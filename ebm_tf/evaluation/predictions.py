"""What a learned model says of images: their energies and their classes."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ebm_tf.models.catalogue import in_lanes
from ebm_tf.runtime.distribution import Replicas
from ebm_tf.runtime.rows import over_rows
from ebm_tf.store.models import LoadedModel
from ebm_tf.store.network_sources import CLASSIFIER, ENERGY


def predictor(
    model: LoadedModel, replicas: Replicas, batch: int
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """What gives the energies and the classes of images.

    Args:
      model: with an energy, a classifier, or both.
      replicas: the devices.
      batch: images at once, over all replicas.

    Returns:
      Images float32 [n, H, W, C] in [-1, 1] -> "energy" float32 [n], that of its
      energy, else the marginal one of its classifier, where there is either; and
      "logits" and "probabilities" float32 [n, k] where there is a classifier.
    """
    has_energy = ENERGY in model.networks or CLASSIFIER in model.networks
    energy = model.energy if has_energy else None
    classifier = model.classifier if CLASSIFIER in model.networks else None

    def predict(images: tf.Tensor) -> dict[str, tf.Tensor]:
        found = {}
        if energy is not None:
            found["energy"] = energy(images)
        if classifier is not None:
            found["logits"] = classifier(images)
            found["probabilities"] = tf.nn.softmax(found["logits"])
        return found

    run = over_rows(in_lanes(predict, replicas.lanes), replicas, batch)
    return lambda images: run(images) if energy or classifier else {}
