"""Assignments from the command line."""

import pytest

from ebm_tf.config.alignment import PgdSearch, SquareSearch
from ebm_tf.config.chains import Hygiene, Transient
from ebm_tf.config.core import load
from ebm_tf.config.optimizers import Linear, Optimizer
from ebm_tf.config.overrides import override
from ebm_tf.config.parts import ClippedLangevin, GeneratorNetwork, Langevin
from ebm_tf.errors import ConfigError
from tests.config.test_settings import COOPERATIVE, TRANSIENT, WARMED_UP, experiment
from tests.runs import ROOT


def reach(config, path):
    for key in path.split("."):
        config = getattr(config, key)
    return config


@pytest.mark.parametrize(
    ("config", "assignment", "value"),
    [
        (experiment(), "seed=7", 7),
        (experiment(), "name=other", "other"),
        (experiment(), "temperature=2", 2.0),
        (experiment(), "temperature=1e-7", 1e-7),
        (experiment(), " batch = 16 ", 16),
        (experiment(), "device=cpu", "cpu"),
        (experiment(), "compute_dtype=bfloat16", "bfloat16"),
        (experiment(), "gaussian_stddev=0.15", 0.15),
        (COOPERATIVE, "gaussian_stddev=None", None),
        (experiment(), "langevin.noise=0.25", 0.25),
        (experiment(), "langevin.max_drift=3", 3.0),
        (experiment(), "data.random_crop=True", True),
        (experiment(), "data.directory=/data/a=b", "/data/a=b"),
        (experiment(), "energy.weights=runs/a/x.weights.h5", "runs/a/x.weights.h5"),
        (experiment(), "chains.num_steps=7", 7),
        (experiment(), "chains.num_steps=((7, 0), (9, 100))", ((7, 0), (9, 100))),
        (experiment(), "chains.rejuvenation=[[1, 0], [0.5, 3]]", ((1.0, 0), (0.5, 3))),
        (COOPERATIVE, "chains.rejuvenation=0.25", 0.25),
        (experiment(), "energy_optimizer.name=sgd", "sgd"),
        (experiment(), "energy_optimizer.name=rmsprop", "rmsprop"),
        (experiment(), "energy_optimizer.max_global_norm=1", 1.0),
        (WARMED_UP, "chains.hygiene.max_energy_deviation=None", None),
        (WARMED_UP, "langevin.image_bound=1", 1.0),
        (WARMED_UP, "langevin.max_gradient=None", None),
        (WARMED_UP, "energy_optimizer.learning_rate.num_steps=7", 7),
        (WARMED_UP, "energy_optimizer.learning_rate.then.last=1e-6", 1e-6),
        (COOPERATIVE, "generator.width=9", 9),
        (TRANSIENT, "chains.num_steps=2", 2),
    ],
)
def test_every_field_is_reached(config, assignment, value):
    changed = override(config, [assignment])
    path = assignment.partition("=")[0].strip()
    assert reach(changed, path) == value
    assert type(reach(changed, path)) is type(value)
    # Nothing else has changed.
    assert override(changed, [f"{path}={reach(config, path)!r}"]) == config


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("seed", "Expected --set seed as key.path=value."),
        ("bach=3", "Unknown setting 'bach'; the nearest are batch"),
        ("langevin.nois=3", "Unknown setting 'nois'; the nearest are noise"),
        ("langevin.zzz=3", "'zzz'; the nearest are drift, max_drift, noise."),
        ("chains.banksize=3", "Unknown setting 'banksize'; the nearest are bank_size"),
        ("seed=1.5", "Expected seed=1.5 to be of type int."),
        ("seed=many", "Expected seed='many' to be of type int."),
        ("langevin.noise=", "Expected noise='' to be of type float."),
        ("data.random_crop=yes", "Expected random_crop='yes' to be of type bool."),
        ("device=gpus", "Expected device='gpus' to be of type Literal["),
        ("chains.num_steps=((1, 0), (2,))", "Expected num_steps=((1, 0), (2,)) to be"),
        (
            "gaussian_stddev.x=3",
            "Expected gaussian_stddev to have fields, but it is None.",
        ),
        ("seed.x=3", "Expected seed to have fields, but it is 0."),
        (
            "langevin=3",
            "Expected langevin=3 to be of type Langevin | MomentumLangevin | "
            "ClippedLangevin | HeunLangevin.",
        ),
        ("langevin.noise=-1", "Expected noise=-1.0 >= 0."),
        ("batch=100", "Expected batch=100 to be at most bank_size=64."),
        ("chains.rejuvenation=1.5", "Expected rejuvenation=1.5 in [0, 1]."),
        ("langevin=Langevin()", "Langevin needs noise."),
        ("langevin=Langevin(0.5)", "Expected langevin='Langevin(0.5)' to be of type"),
        ("langevin=Langevin(noisy=1)", "Unknown setting 'noisy'; the nearest are"),
        ("langevin=Hinge()", "Expected langevin=Hinge(...) to be of type Langevin |"),
    ],
)
def test_mistakes_are_reported_in_a_line(assignment, message):
    with pytest.raises(ConfigError) as error:
        override(experiment(), [assignment])
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("assignment", "part"),
    [
        ("langevin=Langevin(noise=0.5)", Langevin(noise=0.5)),
        (
            "langevin=ClippedLangevin(noise=1, drift=2, max_gradient=None)",
            ClippedLangevin(noise=1.0, drift=2.0, max_gradient=None),
        ),
        (
            "energy_optimizer=Optimizer(learning_rate=Linear(first=1, last=0, "
            "num_steps=9))",
            Optimizer(learning_rate=Linear(first=1.0, last=0.0, num_steps=9)),
        ),
    ],
)
def test_a_part_can_be_of_another_kind(assignment, part):
    changed = override(experiment(), [assignment])
    assert reach(changed, assignment.partition("=")[0]) == part


def test_fields_of_a_new_part_are_reached():
    changed = override(
        experiment(), ["langevin=Langevin(noise=0.5)", "langevin.max_drift=3"]
    )
    assert changed.langevin == Langevin(noise=0.5, max_drift=3.0)


def test_what_looks_like_a_part_may_be_a_text():
    assert override(experiment(), ["name=Run(seed=3)"]).name == "Run(seed=3)"


def test_parts_of_a_list():
    config = load(str(ROOT / "configs" / "squares32_align.py"))
    changed = override(
        config, ["searches=(PgdSearch(radii=(0.1, 1)), SquareSearch(radii=(1, 2)))"]
    )
    assert changed.searches == (
        PgdSearch(radii=(0.1, 1.0)),
        SquareSearch(radii=(1.0, 2.0)),
    )


def test_fields_of_the_other_kind_of_chains_are_unknown():
    with pytest.raises(ConfigError, match="Unknown setting 'bank_size'"):
        override(TRANSIENT, ["chains.bank_size=3"])


def test_a_part_can_be_dropped():
    changed = override(COOPERATIVE, ["generator_optimizer=None"])
    assert changed.generator_optimizer is None
    assert changed.generator == COOPERATIVE.generator


def test_the_order_of_assignments_is_free():
    assignments = ["batch=100", "chains.bank_size=200"]
    for ordered in (assignments, assignments[::-1]):
        changed = override(experiment(), ordered)
        assert (changed.batch, changed.chains.bank_size) == (100, 200)


def test_the_last_of_equal_assignments_holds():
    assert override(experiment(), ["seed=1", "seed=2"]).seed == 2


def test_nothing_to_change():
    assert override(COOPERATIVE, []) == COOPERATIVE
    assert isinstance(override(TRANSIENT, []).chains, Transient)


def test_what_was_none_is_begun_with_its_defaults():
    config = override(experiment(), ["generator.width=3", "generator.latent_size=7"])
    assert config.generator == GeneratorNetwork(width=3, latent_size=7)
    clean = override(experiment(), ["chains.hygiene.max_pixel=3"])
    assert clean.chains.hygiene == Hygiene(max_energy_deviation=10.0, max_pixel=3.0)
