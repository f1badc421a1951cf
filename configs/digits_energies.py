"""The energies of a classifier of handwritten digits (8x8) under eight attacks.

python3 ebm_tf/analyze.py configs/digits_energies.py

It is the released one of configs/digits_clean.py; `--set weights=RUN` takes the folder
that one of configs/digits_{clean,sat,trades,weat_adv,jem}.py left, or release:NAME.
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
