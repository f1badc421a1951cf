"""Files that PyTorch wrote; only where PyTorch is installed."""

import json
import pathlib

import numpy as np
import pytest

from ebm_tf.errors import WeightsError
from ebm_tf.store.conversion.readers import read_arrays, read_state_dicts
from ebm_tf.store.conversion.tables import channels_last, spectrally_normalised
from tests.store.conversion import published
from tests.store.conversion.published_classifiers import CASES

torch = pytest.importorskip("torch")


def tensors(arrays):
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("key", [None, "model_state_dict", "state_dict"])
def test_files_of_now_and_of_2019(tmp_path, is_zip, key):
    """Such as mimicry writes, with an optimizer's state beside the weights."""
    arrays = published.filled(published.mimicry(32, 4), seed=0)
    state = tensors(arrays)
    whole = {key: state, "optimizer_state_dict": {"state": {}}, "global_step": 5}
    path = str(tmp_path / "netG.pth")
    torch.save(whole if key else state, path, _use_new_zipfile_serialization=is_zip)
    read = read_arrays(path, [])
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_half_precision(tmp_path):
    path = str(tmp_path / "a.pt")
    torch.save({"a": torch.tensor([1.0, -0.15625], dtype=torch.bfloat16)}, path)
    read = read_arrays(path, [])
    assert read["a"].dtype == np.float32
    np.testing.assert_array_equal(read["a"], [1.0, -0.15625])


class Payload:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_is_refused_and_not_run(tmp_path, is_zip):
    path, marker = tmp_path / "evil.pth", tmp_path / "ran"
    whole = {"l1.weight": torch.zeros(2), "extra": Payload(marker)}
    torch.save(whole, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match="was refused: it holds more than arrays"):
        read_arrays(str(path), [])
    assert not marker.exists()


def test_what_is_no_state_dict_is_told(tmp_path):
    path = str(tmp_path / "a.pt")
    for whole in (torch.zeros(2), [torch.zeros(2)], {"a": 3}):
        torch.save(whole, path)
        with pytest.raises(WeightsError, match="to hold a state_dict"):
            read_arrays(path, [])


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_that_is_cut_short_is_told(tmp_path, is_zip):
    path = tmp_path / "a.pt"
    state = tensors({"a": np.ones([40, 40], np.float32)})
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="a.pt (is damaged|was refused)"):
        read_arrays(str(path), [])


def test_versions_whose_loader_is_not_safe_are_refused(tmp_path, monkeypatch):
    path = str(tmp_path / "a.pt")
    torch.save({"a": torch.zeros(2)}, path)
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(WeightsError, match="safely needs 'torch>=2.6', and 2.5.1"):
        read_arrays(path, [])


@pytest.mark.parametrize("make", ["linear", "convolution"])
def test_spectral_norms_are_those_of_pytorch(tmp_path, make):
    """The weights that PyTorch itself computes with from what it saves."""
    torch.manual_seed(0)
    if make == "linear":
        layer, images = torch.nn.Linear(6, 4), torch.randn(2, 6)
    else:
        layer, images = torch.nn.Conv2d(5, 4, 3), torch.randn(2, 5, 8, 8)
    layer = torch.nn.utils.spectral_norm(layer)
    for _ in range(3):  # the power iteration is not at its end
        layer(images)
    layer.eval()(images)
    path = str(tmp_path / "a.pt")
    torch.save(layer.state_dict(), path)
    read = read_arrays(path, [])
    kernel = spectrally_normalised(
        *(read[f"weight_{part}"] for part in ("orig", "u", "v"))
    )
    expected = channels_last(layer.weight.detach().numpy())
    np.testing.assert_allclose(kernel, expected, rtol=1e-6, atol=1e-7)


def test_state_dictionaries_are_found_at_any_depth(tmp_path):
    """An average beside the raw weights; what an optimizer keeps is none of them."""
    state = {"conv1.weight": torch.ones(2)}
    moments = {"state": {0: {"m": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}
    whole = {
        "net": {f"module.{name}": tensor for name, tensor in state.items()},
        "swa": {"model": state, "count": 3},
        "optimizer": moments,
        "epoch": 7,
        "args": {"lr": 0.1},
    }
    path = str(tmp_path / "a.pt")
    torch.save(whole, path)
    found = read_state_dicts(path)
    assert {key: list(arrays) for key, arrays in found.items()} == {
        "net": ["module.conv1.weight"],
        "swa.model": ["conv1.weight"],
    }
    with pytest.raises(WeightsError, match="several sets of weights, under net, swa.m"):
        read_arrays(path, [])


@pytest.mark.parametrize("name", CASES)
def test_the_stored_logits_are_those_of_this_pytorch(name):
    from tests.store.conversion import torch_networks

    path = pathlib.Path(__file__).with_name("classifier_logits.json")
    expected = json.loads(path.read_text())[name]
    found = torch_networks.logits(CASES[name])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
