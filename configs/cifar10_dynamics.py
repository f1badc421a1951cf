"""How energies move while robust classifiers of CIFAR-10 learn.

python3 ebm_tf/dynamics.py configs/cifar10_dynamics.py --set "runs=('RUN', 'RUN')"

The folders are those of runs such as that of
`train_clf.py configs/cifar10_sat.py --set keep_weights_every=391`, which keeps the
weights of every epoch (45 megabytes each). Figures of Mirza et al. (2024) for SAT, not
ours: the mean of E(x) - E(x*) on training images goes from -0.02 to -0.16 in the first
ten epochs, slowly to -0.26 until epoch 78, then steeply to -0.74, while the robust
error rises again from 0.475. Expected: a small part of the time that learning takes,
as attacks on 2,000 images an epoch.
"""

from configs.cifar10_weat_adv import config as learning
from ebm_tf.config.dynamics import EnergyDynamics

config = EnergyDynamics(name="cifar10_dynamics", data=learning.data, num_images=1000)
