"""ResNet-18 of CIFAR-10 by WEAT_adv: images of low energy weigh less.

python3 ebm_tf/train_clf.py configs/cifar10_weat_adv.py

Published hyper-parameters (Mirza et al., 2024). The authors select weights by generated
images, from epoch 91 on; here the last 1,000 images of the training split are held out
for that. Expected: about half a day on one GPU; robust accuracy 0.53 under PGD-20 and
0.50 under AutoAttack (the authors' figures, not ours).
"""

from ebm_tf.config.attacks import Pgd
from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.classifier import ClassifierNetwork
from ebm_tf.config.objectives import WeatAdv
from ebm_tf.config.optimizers import OneCycle, Sgd
from ebm_tf.config.parts import Data

config = ClassifierTraining(
    name="cifar10_weat_adv",
    seed=1,
    data=Data(
        name="cifar10", image_size=32, split="train[:49000]", padding=4, flip=True
    ),
    validation_split="train[49000:]",
    classifier=ClassifierNetwork(architecture="resnet", depth=18),
    objective=WeatAdv(),
    attack=Pgd(loss="kl", num_steps=10, start="normal"),
    optimizer=Sgd(
        learning_rate=OneCycle(peak=0.1, first=0.004, last=4e-7, num_steps=39_100),
        momentum=OneCycle(peak=0.85, first=0.95, last=0.95, num_steps=39_100),
    ),
    num_updates=39_100,
    validate_every=391,
    select_from=35_581,
)
