"""The energies of a classifier of CIFAR-10 under the eight attacks of the paper.

python3 ebm_tf/analyze.py configs/cifar10_energies.py --set weights=RUN

RUN is the folder that one of configs/cifar10_*.py left. Radius 8/255, steps of 2/255
and 1,000 queries of Square are those of Mirza et al. (2024), section 3, on all 10,000
test images. The paper does not tell its numbers of steps: 10 are the default of the
authors' functions; the search of Carlini and Wagner gets 100. Expected: some hours on
one GPU (not run by us). The authors' figure shows for a plain WRN-28-10, whose natural
E(x) and E(x, y) are about -14, attacked E(x) about -28 for PGD, -29 for TRADES-KL, -30
for APGD-CE, but -7 to -9 for the other attacks.
"""

from configs.cifar10_clean import config as learning
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.parts import Data

config = Analysis(
    name="cifar10_energies",
    data=Data(name="cifar10", image_size=32, split=learning.data.split),
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    noise=(0.0,),
    distal=None,
    attacks=AttackEnergies(ball=learning.ball, num_steps=10),
    batch=500,
)
