"""Energy of handwritten digits (8x8) by denoising score matching, without chains.

python3 ebm_tf/train_dsm.py configs/digits_dsm.py

Expected: `frechet_pixels` 8.1 with 1,000 samples: strokes, and many digits that can be
read. Longer chains make it worse. Chains that learn (digits_nonconv) reach 0.42.
"""

from ebm_tf.config.optimizers import Optimizer
from ebm_tf.config.parts import Data, Langevin, Network, Samples
from ebm_tf.config.score_matching import ScoreMatching

config = ScoreMatching(
    name="digits_dsm",
    data=Data(name="digits", image_size=8, channels=1),
    energy=Network(activation="silu"),
    langevin=Langevin(noise=0.05),
    temperature=2e-3,
    energy_optimizer=Optimizer(
        learning_rate=((1e-3, 0), (2e-4, 3000)), average_decay=0.995
    ),
    num_updates=4000,
    batch=100,
    samples=Samples(num_samples=1000, num_steps=400, denoising_steps=10),
    log_every=100,
    save_every=1000,
)
