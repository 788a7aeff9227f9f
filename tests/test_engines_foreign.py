"""Graphs that are no U²-Net: ONNX files in rembg's layout and OpenVINO's, by path."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import bgdl
from bgdl.engines import network
from bgdl.errors import InputError, WeightsError
from bgdl.export.model import export
from bgdl.nets import checkpoint
from bgdl.nets.onnx_writer import to_onnx
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec


def brightness(path, size=32, card="", kind=TensorProto.FLOAT):
    """A graph whose matte is sigmoid(8 × mean of the normalised channels), and an unused second output."""
    weight = numpy_helper.from_array(np.full((1, 3, 1, 1), 8 / 3, helper.tensor_dtype_to_np_dtype(kind)), "w")
    nodes = [
        helper.make_node("Conv", ["input.1", "w"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["1959"]),
        helper.make_node("Relu", ["logit"], ["1960"]),
    ]
    entry = helper.make_tensor_value_info("input.1", kind, [1, 3, size, size])
    outputs = [helper.make_tensor_value_info(name, kind, [1, 1, size, size]) for name in ("1959", "1960")]
    graph = helper.make_graph(nodes, "foreign", [entry], outputs, [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card:
        helper.set_model_props(model, {"bgdl": card})
    onnx.save(model, path)
    return path


def halves() -> torch.Tensor:
    """A frame that is white on the left and black on the right."""
    frame = torch.zeros(1, 40, 64, 3, dtype=torch.uint8)
    frame[:, :, :32] = 255
    return frame


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
@pytest.mark.parametrize("name", ["silueta.onnx", "isnet-general-use.onnx"])
def test_a_foreign_graph_gives_mattes(tmp_path, engine, name):
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    matter = bgdl.load(brightness(tmp_path / name), device="cpu", engine=engine)
    alpha = matter.alpha(halves())
    assert alpha.shape == (1, 40, 64, 1)
    assert alpha[0, :, 4].min() > 0.95 and alpha[0, :, -4].max() < 0.05


def test_half_precision_graphs_run(tmp_path):
    pytest.importorskip("onnxruntime")
    path = brightness(tmp_path / "half.onnx", kind=TensorProto.FLOAT16)
    alpha = bgdl.load(path, device="cpu", engine="onnx").alpha(halves())
    assert alpha.dtype == torch.float32 and alpha[0, :, 4].min() > 0.95


def test_inputs_are_prepared_as_rembg_does(tmp_path):
    silueta = network.read(brightness(tmp_path / "silueta.onnx", 64)).spec
    assert (silueta.size, silueta.scale, silueta.stretch, silueta.mean[0]) == (64, "max", "minmax", 0.485)
    isnet = network.read(brightness(tmp_path / "isnet-general-use.onnx", 64)).spec
    assert (isnet.size, isnet.mean, isnet.std) == (64, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    anime = network.read(brightness(tmp_path / "isnet-anime.onnx", 64)).spec
    assert (anime.size, anime.mean, anime.std) == (64, (0.485, 0.456, 0.406), (1.0, 1.0, 1.0))


def test_a_file_of_bgdl_says_how_its_input_is_prepared_and_what_precision_costs(tmp_path):
    spec = InputSpec(size=32, mean=(0.1, 0.2, 0.3))
    card = {"arch": "u2netp", "input_spec": spec.to_dict(), "precision_cost": {"bf16": 0.001}}
    found = network.read(brightness(tmp_path / "exported.onnx", card=json.dumps(card)))
    assert found.spec == spec and found.cost == {"bf16": 0.001}


CARDS = ["v1", "1.0", "[1]", "null", '{"input_spec": "x", "precision_cost": [1]}']


@pytest.mark.parametrize("card", CARDS)
def test_what_another_program_wrote_in_a_card_s_place_is_none(tmp_path, card):
    exported, plain = (network.read(brightness(tmp_path / "graph.onnx", card=text)) for text in (card, ""))
    assert exported.spec in (plain.spec, None) and not exported.cost
    net = to_onnx(U2Net("u2netp"), None)
    helper.set_model_props(net, {"bgdl": card})
    onnx.save(net, tmp_path / "net.onnx")
    found = network.read(tmp_path / "net.onnx")
    assert found.weights and found.spec is None and not found.cost


@pytest.mark.parametrize("card", CARDS)
def test_nor_in_openvino_files(tmp_path, card):
    openvino = pytest.importorskip("openvino")
    model = openvino.convert_model(brightness(tmp_path / "graph.onnx"))
    model.set_rt_info(card, "bgdl")
    openvino.save_model(model, tmp_path / "graph.xml")
    found = network.read(tmp_path / "graph.xml")
    assert found.spec is None and not found.cost


def test_openvino_files_run(tmp_path):
    openvino = pytest.importorskip("openvino")
    model = openvino.convert_model(brightness(tmp_path / "graph.onnx"))
    spec = InputSpec(size=32, stretch="minmax")
    model.set_rt_info(json.dumps({"arch": "u2netp", "input_spec": spec.to_dict()}), "bgdl")
    openvino.save_model(model, tmp_path / "graph.xml")
    matter = bgdl.load(tmp_path / "graph.xml", device="cpu")
    assert matter.spec == spec and matter.engine.name == "openvino"
    assert matter.alpha(halves())[0, :, 4].min() > 0.95


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="Linux tells which files are mapped")
def test_openvino_files_are_not_held(tmp_path):
    """On Windows they could be neither replaced nor deleted."""
    openvino = pytest.importorskip("openvino")
    openvino.save_model(openvino.convert_model(brightness(tmp_path / "graph.onnx")), tmp_path / "held.xml")
    matter = bgdl.load(tmp_path / "held.xml", device="cpu", size=32)
    matter.alpha(halves())
    assert str(tmp_path / "held.bin") not in Path("/proc/self/maps").read_text()


def test_another_size_than_the_graphs_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    matter = bgdl.load(brightness(tmp_path / "silueta.onnx"), device="cpu", engine="onnx", size=64)
    with pytest.raises(
        WeightsError, match=r"silueta.onnx does not take pictures of 64×64 px: leave size, shape and tta out"
    ):
        matter.alpha(halves())


def test_damaged_missing_and_unfit_files_are_sentences(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07 not a graph" * 50)
    (tmp_path / "alone.xml").write_text("<net/>")
    (tmp_path / "broken.xml").write_text("<net")
    (tmp_path / "broken.bin").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"broken.onnx is damaged or not ONNX"):
        network.read(tmp_path / "broken.onnx")
    with pytest.raises(WeightsError, match="no weights file"):
        network.read(tmp_path / "none.onnx")
    with pytest.raises(WeightsError, match=r"both the .xml and the .bin of that name are needed"):
        network.read(tmp_path / "alone.xml")
    with pytest.raises(WeightsError, match=r"broken.xml is damaged"):
        network.read(tmp_path / "broken.xml")


def test_a_graph_that_takes_no_pictures_is_refused(tmp_path):
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 7])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 7])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [entry], [output])
    onnx.save(helper.make_model(graph), tmp_path / "text.onnx")
    with pytest.raises(WeightsError, match=r"a graph that takes pictures \(1,3,H,W\) is needed"):
        network.read(tmp_path / "text.onnx")


def test_options_of_another_engine_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"provider is for the onnx engine, but openvino runs silueta\.onnx here"):
        bgdl.load(brightness(tmp_path / "silueta.onnx"), device="cpu", engine="openvino", provider="cpu")


def test_damage_is_told_for_what_it_is(tmp_path):
    """Not taken for a graph of another kind."""
    path = tmp_path / "u2netp.onnx"
    for data, says in (
        (b"", "is an empty file"),
        (b"<html>", "is a web page"),
        (b"version https://git-lfs", "Git LFS pointer"),
    ):
        path.write_bytes(data)
        with pytest.raises(WeightsError, match=says):
            network.read(path)
    net = U2Net("u2netp")
    torch.nn.init.constant_(net.side1.bias, float("nan"))
    onnx.save(to_onnx(net, None), path)
    with pytest.raises(WeightsError, match="holds NaN or infinite values"):
        network.read(path)


def split(path: Path, weight: float) -> Path:
    """`brightness` with its weight in data.bin, which a test may then rewrite."""
    model = onnx.load(brightness(path))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.full((1, 3, 1, 1), weight, np.float32), "w"))
    (path.parent / "data.bin").unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, location="data.bin", size_threshold=0)
    return path


def test_values_in_a_file_of_any_name_belong_to_the_network(tmp_path):
    """Else OpenVINO's cache would keep the answers of the values before."""
    path = split(tmp_path / "graph.onnx", 8 / 3)
    graph, first = path.read_bytes(), network.read(path).key
    assert network.files_of(path) == [path, tmp_path / "data.bin"]
    split(path, -8 / 3)
    assert path.read_bytes() == graph and network.read(path).key != first
    brightness(path)
    assert network.files_of(path) == [path]


def test_a_missing_data_file_is_named(tmp_path):
    path = split(tmp_path / "graph.onnx", 1)
    (tmp_path / "data.bin").unlink()
    with pytest.raises(WeightsError, match=r"graph.onnx keeps its weights in data.bin, which must lie beside it"):
        network.read(path)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_a_graph_that_gives_no_matte_is_a_sentence(tmp_path, engine):
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    nodes = [helper.make_node("Concat", ["x", "x"], ["y"], axis=1)]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 32, 32])
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 6, 32, 32])
    graph = helper.make_graph(nodes, "colours", [entry], [output])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "c.onnx")
    with pytest.raises(WeightsError, match=r"c.onnx gives \(1, 6, 32, 32\) for a picture; a matte \(1, 1, 32, 32\)"):
        bgdl.load(tmp_path / "c.onnx", device="cpu", engine=engine).alpha(halves())


def test_another_model_under_the_same_name_is_another_network(tmp_path):
    """OpenVINO's .xml of two models of one architecture is the same; their .bin is not."""
    pytest.importorskip("openvino")
    keys = set()
    for seed in range(2):
        torch.manual_seed(seed)
        checkpoint.write(tmp_path / "m.safetensors", U2Net("u2netp"), spec=InputSpec(size=64), half=False)
        export(tmp_path / "m.safetensors", tmp_path / "m.xml", half=False, overwrite=True)
        keys.add(network.read(tmp_path / "m.xml").key)
    assert len(keys) == 2
