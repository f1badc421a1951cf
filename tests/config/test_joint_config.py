import dataclasses

from ebm_tf.config import core
from ebm_tf.config.joint import JointTerms
from tests.runs import ROOT


def test_only_an_update_with_chains_is_in_lanes():
    """Otherwise an operation would have half of the cores, and none beside it."""
    config = core.load(str(ROOT / "configs" / "digits_jem.py"))
    alone = dataclasses.replace(config, terms=JointTerms(marginal=0.0), chains=None)
    assert config.in_lanes and not alone.in_lanes
