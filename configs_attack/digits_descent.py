"""Attacks a robust classifier of digits whose images descend its own energy first.

python3 ebm_tf/attack.py configs_attack/digits_descent.py

The defence ET3 (arXiv:2603.26984) before the released classifier of
configs/digits_weat_adv.py, `--set weights=RUN` takes another: five steps down E(x), no
noise. Images that one gradient leaves are attacked by the next: BPDA, as the authors
attacked it, the exact one through all steps, and that of the classifier alone. `--set
defense.num_steps=0` is without it.

Expected: half a minute on two cores; `robust_accuracy` 0.77, as without the defence,
where BPDA alone (`--set "attack.also=()"`) leaves 0.81.
"""

import dataclasses

from configs.digits_weat_adv import config as learning
from ebm_tf.config.defense import DefenseMeasurement, EnergyDescent, PurifiedPgd

config = DefenseMeasurement(
    name="digits_descent",
    weights="release:digits_weat_adv",
    data=dataclasses.replace(learning.data, split=learning.test_split),
    energy=learning.classifier,
    classifier=learning.classifier,
    ball=learning.ball,
    defense=EnergyDescent(num_steps=5, step_size=128.0, radius=255.0),
    attack=PurifiedPgd(
        gradient="bpda",
        also=("chain", "transfer"),
        num_steps=40,
        step_size=4.8,
        num_replicates=1,
    ),
    num_images=360,
    batch=120,
    chunk=120,
)
