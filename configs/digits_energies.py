"""The energies of a classifier of handwritten digits (8x8) under eight attacks.

python3 ebm_tf/analyze.py configs/digits_energies.py

It is the released one of configs/digits_clean.py; `--set weights=RUN` takes the folder
that one of configs/digits_{clean,sat,trades,weat_adv,jem}.py left, or release:NAME.
Expected: at most two minutes on two cores; mean E(x) -9.6, and -7.4 under PGD, -10.6
under TRADES-KL, -5.1 under APGD-T and -5.8 under Carlini and Wagner; of
release:digits_weat_adv -4.8, -4.3, -4.7, -4.5 and -3.8.
"""

from configs.digits_clean import config as learning
from ebm_tf.config.analysis import Analysis
from ebm_tf.config.attack_energies import AttackEnergies
from ebm_tf.config.attacks import CarliniWagner

config = Analysis(
    name="digits_energies",
    weights="release:digits_clean",
    data=learning.data,
    validation_split=learning.validation_split,
    test_split=learning.test_split,
    classifier=learning.classifier,
    noise=(0.0,),
    distal=None,
    attacks=AttackEnergies(
        ball=learning.ball,
        step_size=4.8,
        # Pixels at the ends of their range, as most are here, need larger steps.
        carlini_wagner=CarliniWagner(
            num_steps=200,
            learning_rate=0.05,
            num_constants=6,
            initial_constant=0.1,
            num_targets=0,
        ),
    ),
    batch=120,
)
