"""Washes an attack out of images by Langevin steps on an energy.

python3 examples/purify_attacks.py
"""

from sklearn.datasets import load_digits

import ebm_tf

digits, labels = load_digits(return_X_y=True)
images, labels = digits[1437:].reshape(-1, 8, 8, 1) / 16, labels[1437:]  # held out

classifier = ebm_tf.load("release:digits_clean", pixel_range="0..1")
energy = ebm_tf.load("release:digits_medconv", pixel_range="0..1")

attacked = ebm_tf.pgd(classifier, images, labels, epsilon=0.15, pixel_range="0..1")
purified = energy.purify(attacked.images.clip(0, 1), num_steps=30, seed=0).clip(0, 1)


def accuracy(images):
    """The share of images that the classifier gets right."""
    return (classifier.classify(images).argmax(1) == labels).mean()


print("natural images: ", accuracy(images))
print("attacked images:", accuracy(attacked.images.clip(0, 1)))
print("purified images:", accuracy(purified))  # attack.py attacks this defence, too
