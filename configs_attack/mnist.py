"""Defends a plain classifier of MNIST by purification with an EBM, at 32x32.

python3 ebm_tf/attack.py configs_attack/mnist.py --data_dir DIR

The energy is the released one of configs/mnist_nonconv.py, the classifier that of
configs/mnist_clean32.py; `--set weights=RUN` and `--set classifier.weights=RUN` take
others.
Expected: of 200 test images, after half an hour of CPU time, `robust_accuracy` 0.95, by
an attack that does not see through the chain (mnist_chain.py does; docs/defence.md).
"""

import dataclasses

from configs.mnist_clean32 import config as classifier
from configs.mnist_nonconv import config as learning
from ebm_tf.config.defense import DefenseMeasurement, Purification, PurifiedPgd

config = DefenseMeasurement(
    name="mnist",
    weights="release:mnist_nonconv",
    data=dataclasses.replace(learning.data, split="test"),
    energy=learning.energy,
    temperature=learning.temperature,
    langevin=learning.langevin,
    classifier=dataclasses.replace(
        classifier.classifier, weights="release:mnist_clean32"
    ),
    ball=classifier.ball,
    defense=Purification(num_steps=100, num_replicates=16),
    attack=PurifiedPgd(
        num_steps=20, step_size=classifier.ball.epsilon / 5, num_replicates=8
    ),
    num_images=100,
    batch=20,
    num_final_replicates=32,
    chunk=160,
)
