"""The configs say what Hill et al. (2022) published."""

import pytest

from ebm_tf.config import core
from ebm_tf.config.chains import Persistent
from ebm_tf.config.ebm import EbmLearning, EbmTraining, LongRunTraining
from ebm_tf.config.fid import SampleMeasurement
from ebm_tf.config.parts import Network
from tests.runs import ROOT

CONFIGS = sorted(ROOT.glob("configs/*.py"))
STAIR = ((1e-4, 0), (1e-5, 50_000), (1e-6, 75_000), (1e-7, 100_000), (1e-8, 125_000))
# Hill et al. (2022), from the table of the authors' configs; shared defaults first.
DEFAULTS = {
    "tau": None,
    "cap": None,
    "rate": 1e-4,
    "bank": 10_000,
    "batch": 128,
    "updates": 150_000,
    "start": "generator",
    "generator": "sngan",
    "generator_rate": None,
    "batch_norm": False,
    "max_grad_norm": None,
    "crop": False,
    "energy": "sngan",
}
SHORT_RUN = {"rejuvenation": 0.5, "cap": 2, "data_epsilon": 1e-2}
PUBLISHED = {
    "cifar10_nonconv": SHORT_RUN
    | {"data": ("cifar10", 32), "epsilon": 5e-3, "steps": 100, "temperature": 1e-4}
    | {"generator_rate": 1e-4, "batch_norm": True},
    "celeb_a_nonconv": SHORT_RUN
    | {"data": ("celeb_a", 64), "epsilon": 3e-3, "steps": 75, "temperature": 1e-6}
    | {"updates": 200_000, "generator_rate": 1e-4},
    "imagenet_nonconv": SHORT_RUN
    | {"data": ("imagenet2012", 128), "epsilon": 3e-3, "steps": 50}
    | {"temperature": 1e-7, "updates": 300_000, "generator_rate": 5e-5}
    | {"max_grad_norm": 50.0, "crop": True},
    "cifar10_medconv": {"data": ("cifar10", 32), "data_epsilon": 2.5e-2}
    | {"epsilon": 1.25e-2, "steps": 100, "rejuvenation": 0.05, "temperature": 1e-4}
    | {"rate": STAIR, "bank": 25_000},
    "cifar10_medconv_data": {"data": ("cifar10", 32), "data_epsilon": 2e-2}
    | {"epsilon": 1e-2, "steps": 100, "rejuvenation": 0.025, "temperature": 1e-4}
    | {"rate": STAIR, "bank": 20_000, "start": "data", "generator": None},
    "imagenet_medconv": {"data": ("imagenet2012", 224), "data_epsilon": 3e-2}
    | {"epsilon": 2e-2, "steps": 100, "rejuvenation": 0.05, "temperature": 1e-5}
    | {"rate": STAIR, "batch": 64, "energy": "biggan", "crop": True}
    | {"generator": "biggan_conditional"},
    "cifar10_prior": {"data": ("cifar10", 32), "data_epsilon": 2e-2}
    | {"epsilon": 1e-2, "steps": 50, "rejuvenation": 0.2, "temperature": 1e-4}
    | {"tau": 0.15},
    "celeb_a_prior": {"data": ("celeb_a", 64), "data_epsilon": 2e-2}
    | {"epsilon": 1e-2, "steps": 100, "rejuvenation": 0.2, "temperature": 1e-4}
    | {"tau": 0.15},
    "imagenet_prior": {"data": ("imagenet2012", 64), "data_epsilon": 1.5e-2}
    | {"epsilon": 1e-2, "steps": 100, "rejuvenation": 0.2, "temperature": 1e-5}
    | {"tau": 0.15, "generator": "biggan_conditional", "crop": True},
}
SAMPLES = {"cifar10_nonconv": 350, "celeb_a_nonconv": 300, "imagenet_nonconv": 320}


def load(name: str) -> EbmTraining:
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, EbmTraining)
    return config


def told(config: EbmTraining) -> dict:
    """The values of a config under the names of the table."""
    chains, generator = config.chains, config.generator
    assert isinstance(chains, Persistent)
    assert chains.burn_in == 0 and config.compute_dtype == "float32"
    assert config.langevin.drift is None and config.langevin.max_drift is None
    optimizers = [config.energy_optimizer, config.generator_optimizer]
    for optimizer in filter(None, optimizers):
        assert optimizer.name == "adam" and optimizer.average_decay == 0.9999
        assert optimizer.max_grad_norm == config.energy_optimizer.max_grad_norm
    return {
        "data": (config.data.name, config.data.image_size),
        "data_epsilon": config.data_epsilon,
        "epsilon": config.langevin.noise,
        "steps": chains.num_steps,
        "rejuvenation": chains.rejuvenation,
        "temperature": config.temperature,
        "tau": config.gaussian_stddev,
        "cap": chains.max_updates,
        "rate": config.energy_optimizer.learning_rate,
        "bank": chains.bank_size,
        "batch": config.batch,
        "updates": config.num_updates,
        "start": chains.start,
        "generator": generator and generator.architecture,
        "generator_rate": (
            config.generator_optimizer and config.generator_optimizer.learning_rate
        ),
        "batch_norm": bool(generator and generator.batch_norm_training),
        "max_grad_norm": config.energy_optimizer.max_grad_norm,
        "crop": config.data.random_crop,
        "energy": config.energy.architecture,
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_values_are_as_published(name):
    config = load(name)
    assert told(config) == DEFAULTS | PUBLISHED[name]
    assert config.data.channels == 3 and config.data.split == "train"
    assert isinstance(config.energy, Network) and config.energy.activation == "relu"
    assert config.energy.width is None
    if config.generator is not None:
        assert config.generator.latent_size == 128 and config.generator.width is None
    if name in SAMPLES:
        assert config.samples.num_steps == SAMPLES[name]


@pytest.mark.parametrize(
    ("name", "multiplier"),
    [
        ("cifar10_nonconv", 0.125),
        ("celeb_a_nonconv", 4.5),
        ("imagenet_nonconv", 45.0),
        ("cifar10_medconv", 0.78125),
        ("cifar10_medconv_data", 0.5),
        ("imagenet_medconv", 20.0),
        ("cifar10_prior", 0.5),
        ("celeb_a_prior", 0.5),
        ("imagenet_prior", 5.0),
    ],
)
def test_golden_drifts(name, multiplier):
    config = load(name)
    factor = config.langevin.drift_factor / config.temperature
    assert factor == pytest.approx(multiplier, rel=1e-12)


def test_all_configs_of_the_table_and_no_others():
    learned = {path.stem: core.load(str(path)) for path in CONFIGS}
    names = {name for name, kind in learned.items() if isinstance(kind, EbmLearning)}
    ours = {"nonconv", "medconv", "prior", "conv"}
    laptop = {"mnist_nonconv", "folder_nonconv", *(f"digits_{kind}" for kind in ours)}
    assert names == {*PUBLISHED, *LONG_RUN, *laptop}


LONG_RUN = {
    "cifar10_conv": ("cifar10", 32, 2e-2, 1e-4, 2.5e-5, 10_000, "generator"),
    "cifar10_conv_data": ("cifar10", 32, 2e-2, 1e-4, 2.5e-5, 10_000, "data"),
    "celeb_a_conv": ("celeb_a", 64, 2e-2, 1e-4, 2.5e-5, 15_000, "generator"),
    "imagenet_conv": ("imagenet2012", 64, 1.5e-2, 1e-5, 1e-4, 15_000, "generator"),
}


@pytest.mark.parametrize("name", LONG_RUN)
def test_published_long_run_values(name):
    config = core.load(str(ROOT / "configs" / f"{name}.py"))
    assert isinstance(config, LongRunTraining)
    data, size, epsilon, temperature, rate, bank_size, start = LONG_RUN[name]
    assert (config.data.name, config.data.image_size) == (data, size)
    assert config.data.random_crop == (data == "imagenet2012")
    assert config.data_epsilon == epsilon and config.langevin.noise == 1e-2
    assert config.temperature == temperature and config.prior_temperature is None
    assert config.gaussian_stddev == 0.15
    assert config.num_updates == 250_000 and config.batch == 128
    optimizer = config.energy_optimizer
    assert optimizer.learning_rate == ((rate, 0), *STAIR[1:])
    assert optimizer.average_decay == 0.0 and optimizer.max_grad_norm is None
    chains = config.chains
    assert (chains.start, chains.bank_size) == (start, bank_size)
    assert (chains.num_steps, chains.burn_in_steps) == (100, 100)
    assert (chains.burn_in_size, chains.burn_in_visits) == (1000, 750)
    architecture = {"generator": "sngan", "data": None}[start]
    if data == "imagenet2012":
        architecture = "biggan_conditional"
    assert (config.generator and config.generator.architecture) == architecture
    # Hill et al. (2022): an ImageNet prior at a tenth of the temperature drifts more.
    factor = config.langevin.drift_factor / config.temperature
    assert factor == pytest.approx(5.0 if data == "imagenet2012" else 0.5)


MEASURED = {
    "cifar10_shortrun": (49_920, 350, 1.0, 32),
    "celeb_a_shortrun": (49_920, 300, 1.0, 64),
    "imagenet_shortrun": (49_920, 320, 1.0, 128),
    "cifar10_longrun": (5088, (100_000, 1_000_000), 1.005, 32),
    "celeb_a_longrun": (5088, (100_000, 1_000_000), 1.01, 64),
    "imagenet_longrun": (5088, (100_000, 1_000_000), 1.01, 64),
}


@pytest.mark.parametrize("name", MEASURED)
def test_published_measurements(name):
    config = core.load(str(ROOT / "configs_fid" / f"{name}.py"))
    assert isinstance(config, SampleMeasurement)
    num_samples, num_steps, joint_temperature, size = MEASURED[name]
    assert (config.num_samples, config.batch) == (num_samples, 96)
    assert num_samples % 96 == 0 and config.num_steps == num_steps
    assert config.joint_temperature == joint_temperature
    assert config.data.image_size == size and not config.data.random_crop
    assert (config.prior is not None) == name.endswith("longrun")
    assert config.features.name == "inception_2015" and config.denoising_steps == 0
    assert config.start == "generator" and config.num_reference is None
