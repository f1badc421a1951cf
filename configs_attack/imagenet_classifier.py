"""Attacks a ResNet-50 of Keras on ImageNet by PGD-20 and AutoAttack, radius 4/255.

python3 ebm_tf/attack.py configs_attack/imagenet_classifier.py --data_dir DIR

Keras fetches the weights, and its own `preprocess_input` makes the pixels; `--set
classifier.name=VGG16` takes another of `keras.applications`, `--set
classifier.weights=FILE.h5` weights of your own. 1,000 images of the validation split;
its learning knew no attacks, so hardly any should be left. Expected: some hours on one
GPU; `natural_accuracy` about 0.75, `robust_accuracy` about 0 (not run by us).
"""

from ebm_tf.config.attacks import Ball, Pgd
from ebm_tf.config.classifier import PretrainedClassifier
from ebm_tf.config.parts import Data
from ebm_tf.config.robustness import RobustnessMeasurement

config = RobustnessMeasurement(
    name="imagenet_classifier",
    data=Data(name="imagenet2012", image_size=224, split="validation"),
    classifier=PretrainedClassifier(name="ResNet50", image_size=224),
    ball=Ball(epsilon=4.0),
    pgd=Pgd(step_size=1.0),
    num_images=1000,
    batch=50,
)
