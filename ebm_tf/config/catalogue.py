"""The kinds of experiments by name, for configs that are read from JSON."""

from ebm_tf.config.classification import ClassifierTraining
from ebm_tf.config.comparison import Comparison
from ebm_tf.config.core import Experiment
from ebm_tf.config.defense import DefenseMeasurement
from ebm_tf.config.ebm import EbmTraining, LongRunTraining
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.generator import GeneratorTraining
from ebm_tf.config.robustness import RobustnessMeasurement

EXPERIMENTS: dict[str, type[Experiment]] = {
    kind.__name__: kind
    for kind in (
        EbmTraining,
        LongRunTraining,
        SampleMeasurement,
        Comparison,
        ClassifierTraining,
        RobustnessMeasurement,
        DefenseMeasurement,
        GeneratorTraining,
    )
}
