"""A new energy in a few lines: digits that a classifier takes for a three.

python3 examples/new_energy.py

The sum of two energies is the product of their densities: p(x) of one model times
p(y = 3 | x) of another.
"""

import tensorflow as tf

import ebm_tf

digits = ebm_tf.load("release:digits_nonconv")
classifier = ebm_tf.load("release:digits_weat_adv")
temperature = digits.experiment.temperature


def energy(images):
    """E(x) / T - w log p(3|x), of images in [-1, 1]: a function of tensors -> [n]."""
    log_probabilities = tf.nn.log_softmax(classifier.networks.classifier(images))
    return digits.networks.energy(images) / temperature - 50 * log_probabilities[:, 3]


threes = ebm_tf.sample(
    energy, 64, digits.image_shape, langevin=digits.experiment.langevin, num_steps=200
).clip(-1, 1)
ebm_tf.save_images("threes", threes)
share = (classifier.classify(threes).argmax(1) == 3).mean()
print(f"threes among the samples: {share:.0%}")
