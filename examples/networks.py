"""Networks of one's own: an energy, a classifier, a generator, a discriminator.

    python3 ebm_tf/train.py configs/digits_nonconv.py \
        --set energy.architecture=examples/networks.py:energy
    python3 ebm_tf/train_clf.py configs/digits_clean.py \
        --set classifier.architecture=examples/networks.py:classifier
    python3 ebm_tf/train_gen.py configs/digits_sngan.py \
        --set generator.architecture=examples/networks.py:generator \
        --set discriminator.architecture=examples/networks.py:discriminator

Parameters are the side of the images, their channels and the number of classes; those
with the name of a setting get that. docs/own_networks.md says more.
"""

import keras
from keras import layers


def energy(size: int, channels: int, width: int | None = None) -> keras.Model:
    """Images [B, size, size, channels] -> energies [B, 1]: lower is likelier."""
    width = width or 32
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(width, 3, padding="same", activation="swish"),
            layers.AveragePooling2D(2),
            layers.Conv2D(2 * width, 3, padding="same", activation="swish"),
            layers.AveragePooling2D(2),
            layers.Conv2D(4 * width, 3, padding="same", activation="swish"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def classifier(size: int, channels: int, classes: int) -> keras.Model:
    """Images [B, size, size, channels] -> logits [B, classes], without a softmax."""
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(64, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.1),
            layers.Dense(classes),
        ]
    )


def generator(size: int, channels: int, latent_size: int) -> keras.Model:
    """Latents [B, latent_size] -> images [B, size, size, channels] in [-1, 1]."""
    side = size // 4
    return keras.Sequential(
        [
            keras.Input((latent_size,)),
            layers.Dense(side * side * 64),
            layers.Reshape((side, side, 64)),
            layers.UpSampling2D(),
            layers.Conv2D(64, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.UpSampling2D(),
            layers.Conv2D(32, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(channels, 3, padding="same", activation="tanh"),
        ]
    )


def discriminator(size: int, channels: int) -> keras.Model:
    """Images [B, size, size, channels] -> scores [B, 1]: higher is more like data."""
    return keras.Sequential(
        [
            keras.Input((size, size, channels)),
            layers.Conv2D(32, 3, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ]
    )
