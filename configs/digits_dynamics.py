"""How energies move while robust classifiers of digits (8x8) learn.

python3 ebm_tf/dynamics.py configs/digits_dynamics.py --set "runs=('RUN', 'RUN')"

The folders are those of runs such as that of
`train_clf.py configs/digits_sat.py --set keep_weights_every=37`, which keeps the
weights of every epoch. Expected: about a minute a run on two cores;
`images/energies.gif` shows (E(x), E(x, y)) of the same test images over epochs, with an
arrow to the attacked ones.
"""

from configs.digits_weat_adv import config as learning
from ebm_tf.config.dynamics import EnergyDynamics

config = EnergyDynamics(
    name="digits_dynamics",
    data=learning.data,
    test_split=learning.test_split,
    num_images=360,
    evaluation_attack=learning.evaluation_attack,
    ball=learning.ball,
    evaluation_batch=180,
)
