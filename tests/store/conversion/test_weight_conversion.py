"""Files of other programs become folders that weights can be loaded from."""

import json
import pickle
import struct
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_tf.errors import ConfigError, WeightsError
from ebm_tf.models import sngan
from ebm_tf.store.conversion.converting import Converted, convert, target
from ebm_tf.store.conversion.readers import read_arrays, read_object_graph
from tests.store.conversion import forward, published
from tests.store.small_weights import weights_into

TORCH_SNGAN = ("l1", "block{}.b{}", "block{}.c{}", "block{}.c_sc", "b{}", "c{}")


def safetensors(arrays, **entries) -> bytes:
    """The bytes of a file of this format, laid out by hand."""
    names = {"float32": "F32", "float16": "F16", "int64": "I64"}
    header: dict = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in arrays.items():
        begin, data = len(data), data + array.tobytes()
        header[name] = {
            "dtype": names[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [begin, len(data)],
        }
    text = json.dumps(header | entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def make(kind: str, source, output, *settings: str, image_size=32) -> Converted:
    return convert(
        target(kind, image_size, 3, list(settings)), str(source), str(output)
    )


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def graph_of_energy(folder, **layout) -> tuple[str, dict[str, np.ndarray]]:
    arrays = published.filled(published.sngan_energy(32, 4), seed=4)
    prefix = str(folder / "ebm_25000.ckpt")
    published.write_graph(prefix, arrays, **layout)
    return prefix, arrays


def test_an_energy_within_a_wrapper(tmp_path):
    """From the checkpoint of the published code to energies, by way of a folder."""
    prefix, arrays = graph_of_energy(tmp_path, within="layer_with_weights-0")
    output = tmp_path / "converted"
    converted = make("life_cycle_sngan_energy", prefix, output, "width=4")
    assert converted.path == str(output / "weights" / "energy.weights.h5")
    assert converted.assignments == [f"energy.weights={output}", "energy.width=4"]
    model = sngan.energy(32, 3, width=4)
    assert converted.num_parameters == model.count_params()
    weights_into(str(output), model, "energy")
    images = normal(2, 32, 32, 3)
    expected = forward.sngan_energy(images, arrays, published.sngan_pools(32))
    np.testing.assert_allclose(model(images), expected, atol=1e-5, rtol=1e-5)
    settings = json.loads((output / "energy_settings.json").read_text())
    assert settings["kind"] == "life_cycle_sngan_energy"
    assert (settings["image_size"], settings["network"]["width"]) == (32, 4)


def test_the_folder_says_which_epsilon_mimicry_needs(tmp_path):
    arrays = published.filled(published.mimicry(32, 4, latents=6), seed=5)
    (tmp_path / "generator.bin").write_bytes(safetensors(arrays))
    output = tmp_path / "out"
    sizes = ["width=4", "latent_size=6"]
    converted = make("mimicry_sngan", tmp_path / "generator.bin", output, *sizes)
    assert "generator.batch_norm_epsilon=1e-05" in converted.assignments
    settings = json.loads((output / "generator_settings.json").read_text())["network"]
    model = sngan.generator(
        32,
        3,
        width=settings["width"],
        latent_size=settings["latent_size"],
        batch_norm_epsilon=settings["batch_norm_epsilon"],
    )
    weights_into(str(output), model, "generator")
    latents = normal(2, 6)
    layers = forward.torch_layers(arrays)
    expected = forward.sngan_generator(latents, layers, TORCH_SNGAN, 3, 1e-5)
    np.testing.assert_allclose(model(latents, training=False), expected, atol=1e-5)


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001"])
def test_any_file_of_a_checkpoint_names_it(tmp_path, suffix):
    prefix, arrays = graph_of_energy(tmp_path)
    read = read_arrays(prefix + suffix, list(arrays))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_names_are_followed_through_the_graph(tmp_path):
    """A kernel that is stored under a shorter name is found under the longer one."""
    arrays = published.filled(published.biggan_energy(64, 8), seed=6)
    prefix = str(tmp_path / "ebm.ckpt")
    keys = published.write_graph(prefix, arrays, within="layer_with_weights-0")
    short = "layer_with_weights-0/rgb_conv/w/.ATTRIBUTES/VARIABLE_VALUE"
    assert short in keys and short.replace("w/.", "layer/kernel/.") not in keys
    read = read_object_graph(prefix, ["rgb_conv/layer/kernel"])
    wanted = arrays["rgb_conv/layer/kernel"]
    np.testing.assert_array_equal(read["rgb_conv/layer/kernel"], wanted)
    # What was not asked for comes under the name that it has in the file.
    assert "layer_with_weights-0/rgb_conv/sn_u" in read
    assert len(read) == len(arrays)
    output = tmp_path / "out"
    make("life_cycle_biggan_energy", prefix, output, "width=8", image_size=64)
    assert (output / "weights" / "energy.weights.h5").exists()


def test_conditional_tables_under_two_names(tmp_path):
    shapes = published.biggan_generator(128, 4, 3, classes=True)
    arrays = published.filled(shapes, seed=7)
    prefix = str(tmp_path / "gen.ckpt")
    keys = published.write_graph(prefix, arrays)
    assert "bn/mean/.ATTRIBUTES/VARIABLE_VALUE" in keys
    settings = ["width=4", "latent_size=3"]
    kind = "life_cycle_biggan_conditional"
    converted = make(kind, prefix, tmp_path / "out", *settings, image_size=128)
    assert "generator.architecture=biggan_conditional" in converted.assignments


@pytest.mark.parametrize("extension", ["npz", "safetensors"])
def test_own_names(tmp_path, extension):
    keras.utils.set_random_seed(1)
    model = sngan.energy(8, 1, width=2)
    arrays = {variable.path: np.asarray(variable) for variable in model.variables}
    source = tmp_path / f"energy.{extension}"
    if extension == "npz":
        np.savez(source, **arrays)  # pyright: ignore
    else:
        source.write_bytes(safetensors(arrays))
    wanted = target("own_energy", 8, 1, ["width=2"])
    convert(wanted, str(source), str(tmp_path / "out"))
    other = sngan.energy(8, 1, width=2)
    weights_into(str(tmp_path / "out"), other, "energy")
    for variable in other.variables:
        np.testing.assert_array_equal(variable, arrays[variable.path])


def test_numbers_of_safetensors(tmp_path):
    """Half precision of both sorts, and no order of the entries."""
    half = np.array([[1.5, -2.0]], np.float16)
    content = safetensors({"half": half, "count": np.array(3)})
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    brain = np.array([1.0, -0.15625], np.float32).view(np.uint32) >> 16
    begin = len(content) - 8 - length
    entry = {"dtype": "BF16", "shape": [2], "data_offsets": [begin, begin + 4]}
    text = json.dumps({"brain": entry} | header).encode()
    content = struct.pack("<Q", len(text)) + text + content[8 + length :]
    path = tmp_path / "a.safetensors"
    path.write_bytes(content + brain.astype("<u2").tobytes())
    read = read_arrays(str(path), [])
    np.testing.assert_array_equal(read["half"], half)
    np.testing.assert_array_equal(read["brain"], [1.0, -0.15625])
    assert read["count"] == 3


def test_arrays_that_do_not_fit_are_named(tmp_path):
    prefix, _ = graph_of_energy(tmp_path)
    with pytest.raises(WeightsError) as caught:
        make("life_cycle_sngan_energy", prefix, tmp_path / "out", "width=2")
    assert str(caught.value) == (
        f"{prefix} is not for sngan_energy_32: The arrays do not fit: misshapen "
        "conv_1/conv_1/kernel of shape [3, 3, 3, 4], which becomes [3, 3, 3, 4] where "
        "[3, 3, 3, 2] is needed and 20 more."
    )
    with pytest.raises(WeightsError, match="missing lin_1/kernel and 35 more; unexp"):
        make("life_cycle_sngan_generator", prefix, tmp_path / "out", "width=4")
    assert not (tmp_path / "out").exists()


def test_weights_are_not_overwritten(tmp_path):
    prefix, _ = graph_of_energy(tmp_path)
    make("life_cycle_sngan_energy", prefix, tmp_path / "out", "width=4")
    with pytest.raises(WeightsError, match="exists: choose another folder"):
        make("life_cycle_sngan_energy", prefix, tmp_path / "out", "width=4")


@pytest.mark.parametrize(
    ("name", "image_size", "settings", "message"),
    [
        ("mimicry", 32, [], "Unknown kind 'mimicry'; the nearest are mimicry_sngan"),
        (
            "mimicry_sngan",
            None,
            [],
            "mimicry_sngan needs --image_size, one of 32, 64, 128.",
        ),
        ("mimicry_sngan", 48, [], "image_size=48 to be one of 32, 64, 128."),
        ("own_energy", None, [], "own_energy needs --image_size, that of its data."),
        ("biggan_deep", 128, ["depth=3"], "Unknown setting 'depth'"),
        ("biggan_deep", 128, ["architecture=sngan"], "to be 'biggan_conditional'"),
        ("own_energy", 32, ["weights=a"], "no weights='a': they come from the source"),
    ],
)
def test_what_cannot_be_asked_for(name, image_size, settings, message):
    with pytest.raises(ConfigError, match=message):
        target(name, image_size, 3, settings)


def test_a_published_network_of_one_size_needs_none():
    assert target("life_cycle_wide_resnet", None, 3, []).image_size == 32


class Payload:
    """What runs code where it is unpickled without care."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


@pytest.mark.parametrize("kind", ["pickle", "npz"])
def test_pickles_run_nothing(tmp_path, kind):
    """With PyTorch, whose safe loader refuses it, and without."""
    marker = tmp_path / "ran"
    source = tmp_path / f"weights.{kind}"
    if kind == "pickle":
        source.write_bytes(pickle.dumps({"l1.weight": Payload(marker)}))
    else:
        np.savez(source, a=np.array([Payload(marker)], object))
    with pytest.raises(WeightsError, match="needs PyTorch|was refused|is damaged"):
        read_arrays(str(source), [])
    assert not marker.exists()


def test_the_payload_of_these_tests_is_one(tmp_path):
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(marker))).close()
    assert marker.exists()


def test_pytorch_is_asked_for_where_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    source = tmp_path / "weights.bin"
    source.write_bytes(pickle.dumps({}))
    with pytest.raises(WeightsError, match="needs PyTorch: install 'torch>=2.6', or"):
        read_arrays(str(source), [])


def damaged_files(folder) -> dict[str, str]:
    """Files that cannot be read, by what is said of them."""
    arrays = {"a": normal(3, 4)}
    np.savez(folder / "a.npz", **arrays)  # pyright: ignore
    npz, whole = (folder / "a.npz").read_bytes(), safetensors(arrays)
    entry = {"dtype": "F7", "shape": [1], "data_offsets": [0, 4]}
    contents = {
        "npz is damaged": npz[:-30],
        "cut is damaged": whole[:-10],
        "odd is damaged": safetensors(arrays, b=entry),
        "list is damaged": struct.pack("<Q", 3) + b"{},",
        "text is none of npz": b"weights",
        "empty is none of npz": b"",
        "h5 is none of npz": b"\x89HDF\r\n\x1a\n",
    }
    for message, content in contents.items():
        (folder / message.split()[0]).write_bytes(content)
    return {message: str(folder / message.split()[0]) for message in contents}


def test_damaged_files_are_told(tmp_path):
    for message, path in damaged_files(tmp_path).items():
        with pytest.raises(WeightsError, match=message):
            read_arrays(path, [])
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match="No weights at .*: expected a file, or"):
            read_arrays(str(path), [])


def test_damaged_checkpoints_are_told(tmp_path):
    prefix, arrays = graph_of_energy(tmp_path)
    data = tmp_path / "ebm_25000.ckpt.data-00000-of-00001"
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="ebm_25000.ckpt is damaged"):
        read_arrays(prefix, list(arrays))
    flipped = bytearray(whole)
    flipped[100] ^= 1
    data.write_bytes(flipped)
    with pytest.raises(WeightsError, match="ebm_25000.ckpt is damaged"):
        read_arrays(prefix, list(arrays))
    data.unlink()
    with pytest.raises(WeightsError, match="ebm_25000.ckpt is damaged"):
        read_arrays(prefix, list(arrays))
    (tmp_path / "ebm_25000.ckpt.index").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="ebm_25000.ckpt is damaged"):
        read_arrays(prefix, list(arrays))


def test_checkpoints_without_objects_are_told(tmp_path):
    prefix = str(tmp_path / "old.ckpt")
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=["dense/kernel"],
        shape_and_slices=[""],
        tensors=[tf.zeros([2])],
    )
    with pytest.raises(WeightsError, match="holds no graph of objects"):
        read_arrays(prefix, [])


def test_files_in_the_cloud(tmp_path):
    """Read and written by way of TensorFlow's file systems."""
    prefix, _ = graph_of_energy(tmp_path)
    tf.io.gfile.makedirs("ram://conversion")
    for file in tmp_path.glob("ebm_25000.ckpt.*"):
        tf.io.gfile.copy(str(file), f"ram://conversion/{file.name}")
    source, output = "ram://conversion/ebm_25000.ckpt", "ram://conversion/out"
    make("life_cycle_sngan_energy", source, output, "width=4")
    make("life_cycle_sngan_energy", prefix, tmp_path / "out", "width=4")
    there, here = (sngan.energy(32, 3, width=4) for _ in range(2))
    weights_into(output, there, "energy")
    weights_into(str(tmp_path / "out"), here, "energy")
    for one, other in zip(there.get_weights(), here.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
