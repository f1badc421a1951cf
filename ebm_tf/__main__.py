"""Runs whichever executable a config selects: python3 -m ebm_tf CONFIG."""

import sys

from ebm_tf.runtime.launch import main

if __name__ == "__main__":
    sys.exit(main(None))
