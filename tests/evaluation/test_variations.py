"""Experiments that differ in one setting."""

import pytest

from ebm_tf.config.fid import FeatureExtractor
from ebm_tf.config.generation import ClassGaussian, ImageGeneration, Variation
from ebm_tf.config.parts import Data
from ebm_tf.errors import ConfigError
from ebm_tf.evaluation.variations import experiments, panels, table

STARTS = Variation(setting="start", values=("{'type': 'ClassGaussian'}",))
CONFIG = ImageGeneration(
    name="some",
    data=Data(name="digits", image_size=8, channels=1),
    features=FeatureExtractor(name="pixels"),
    variations=(STARTS,),
)


def test_each_value_is_an_experiment_that_varies_nothing_more():
    variation = Variation(setting="start.retained", values=(0.8, 1))
    names, values, configs = zip(*experiments(CONFIG, variation), strict=True)
    assert names == ("start.retained_0", "start.retained_1")
    assert values == ("0.8", "1")
    assert [one.start.retained for one in configs] == [0.8, 1.0]
    assert all(one.variations == () and not one.export for one in configs)
    ((_, value, one),) = experiments(CONFIG, STARTS)
    assert value == "ClassGaussian" and one.start == ClassGaussian()


@pytest.mark.parametrize(
    "variation, message",
    [
        (Variation(setting="start.kept", values=(1,)), "Unknown setting 'kept'"),
        (Variation(setting="start.retained", values=("much",)), "retained='much'"),
        (Variation(setting="num_steps", values=(-1,)), "num_steps"),
    ],
)
def test_what_cannot_be_set_is_told(variation, message):
    with pytest.raises(ConfigError, match=message):
        list(experiments(CONFIG, variation))
    with pytest.raises(ConfigError, match="different values of seed"):
        Variation(setting="seed", values=(1, "1"))


def test_tables_and_panels_have_a_row_a_value():
    agreed = {"classifier": {"share": 0.9, "by_class": {}}}
    rows = {
        "seed": [
            {
                "value": "1",
                "frechet_pixels": 2.0,
                "diversity": 0.5,
                "class_agreement": agreed,
            },
            {"value": "2", "num_not_finite": 3},
        ]
    }
    found = table(rows, "pixels")
    assert [row["frechet_pixels"] for row in found["seed"]] == [2.0, None]
    assert found["seed"][0]["agreement"] == {"classifier": 0.9}
    shown = panels(found, "pixels")["seed"]
    assert shown["diversity"][""] == (["1", "2"], [0.5, None])
    agreement = shown["share of the class asked for"]
    assert agreement["classifier"][1] == [0.9, None]
    assert agreement["logistic_regression"][1] == [None, None]
