"""Energy-based models and robust classifiers with TensorFlow 2 and Keras 3."""

import os
import platform

if platform.machine().lower() in ("x86_64", "amd64"):
    # TensorFlow reads this once, at its import. Where a CPU lacks AVX512-VNNI it would
    # leave oneDNN off, and convolutions would take twice as long.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
