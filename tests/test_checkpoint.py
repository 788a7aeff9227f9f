"""Every form that weights come in loads to the same network; everything else is refused with a sentence."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from bgdl.errors import WeightsError
from bgdl.nets import checkpoint
from bgdl.nets.u2net import ConvBnRelu, U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec


@pytest.fixture(scope="module")
def net() -> U2Net:
    torch.manual_seed(3)
    return U2Net("u2netp").eval()


def _same(path: Path, net: U2Net) -> None:
    x = torch.rand(1, 3, 33, 40)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.read(path).net()(x), net(x), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module._orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")},
        lambda state: {"state_dict": {f"net.{k}": v for k, v in state.items()}, "hyper_parameters": {"lr": 1e-3}},
    ],
    ids=["plain", "module", "state_dict", "nested", "no counters", "lightning"],
)
def test_torch_files(tmp_path: Path, net: U2Net, wrap: Any) -> None:
    torch.save(wrap(net.state_dict()), tmp_path / "weights.pth")
    _same(tmp_path / "weights.pth", net)


def test_safetensors_say_what_they_need(tmp_path: Path, net: U2Net) -> None:
    spec = InputSpec(size=256, scale="max", antialias=False)
    checkpoint.write(tmp_path / "w.safetensors", net, spec=spec, half=False, licence="Apache-2.0")
    loaded = checkpoint.read(str(tmp_path / "w.safetensors"))
    assert (loaded.arch, loaded.spec, loaded.metadata["licence"]) == ("u2netp", spec, "Apache-2.0")
    _same(tmp_path / "w.safetensors", net)


def test_half_precision_file_is_half_the_size(tmp_path: Path, net: U2Net) -> None:
    checkpoint.write(tmp_path / "w.safetensors", net, spec=InputSpec())
    assert (tmp_path / "w.safetensors").stat().st_size < 2.5e6
    assert {v.dtype for v in checkpoint.read(tmp_path / "w.safetensors").state.values()} == {torch.float32, torch.int64}


def _rembg_onnx(net: U2Net, path: Path, half: bool = False) -> Path:
    """The convolutions of `net` as rembg's releases store them: folded, unnamed but for the side outputs."""
    names = {module: name for name, module in net.named_modules()}
    run: list[nn.Conv2d] = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, *_: run.append(m))
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    nodes, tensors = [], []
    for number, module in enumerate(run):
        name = names[module] if not names[module].endswith("conv_s1") else str(2000 + number)
        for kind in ("weight", "bias"):
            value = getattr(module, kind).detach().numpy()
            tensors.append(numpy_helper.from_array(value.astype("float16" if half else "float32"), f"{name}.{kind}"))
        nodes.append(helper.make_node("Conv", ["x", f"{name}.weight", f"{name}.bias"], [f"y{number}"]))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 320, 320])
    y = helper.make_tensor_value_info("y0", TensorProto.FLOAT, None)
    onnx.save(helper.make_model(helper.make_graph(nodes, "torch-jit-export", [x], [y], tensors)), str(path))
    return path


@pytest.mark.parametrize("arch", ["u2netp", "u2net"])
def test_onnx_in_rembgs_layout(tmp_path: Path, arch: Any) -> None:
    torch.manual_seed(5)
    net = U2Net(arch).eval()
    folded = fold_batchnorm(checkpoint.Checkpoint(arch, net.state_dict()).net())
    path = _rembg_onnx(folded, tmp_path / "net.onnx")
    assert checkpoint.read(path).folded
    _same(path, net)


def test_an_onnx_file_loads_ready_to_be_fine_tuned(tmp_path: Path) -> None:
    path = _rembg_onnx(fold_batchnorm(U2Net("u2netp").eval()), tmp_path / "net.onnx", half=True)
    net = checkpoint.read(path).net()
    block = net.get_submodule("stage1.rebnconvin")
    assert isinstance(block, ConvBnRelu)
    x = torch.randn(2, 64, 4, 4)
    torch.testing.assert_close(block.bn_s1(x), x, atol=1e-5, rtol=1e-5)


@pytest.mark.shared
def test_official_onnx_and_pth_agree(shared: Path) -> None:
    one = checkpoint.read(shared / "weights" / "u2netp-fp16.onnx")
    _same(shared / "weights" / "u2netp.pth", one.net())


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, ("open('/nonexistent')",))


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_refusals(tmp_path: Path, net: U2Net) -> None:
    torch.save(net.state_dict(), tmp_path / "good.pth")
    checkpoint.write(tmp_path / "good.safetensors", net, spec=InputSpec())
    good_pth, good_safe = (tmp_path / "good.pth").read_bytes(), (tmp_path / "good.safetensors").read_bytes()
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    short = {k: v for k, v in net.state_dict().items() if k != "side3.bias"}
    torch.save(short, tmp_path / "short.pth")
    wrong = net.state_dict() | {"outconv.weight": torch.zeros(2, 6, 1, 1)}
    torch.save(wrong, tmp_path / "wrong.pth")
    torch.save(net.state_dict() | {"outconv.bias": torch.tensor([float("nan")])}, tmp_path / "nan.pth")
    cases = {
        tmp_path / "nowhere.pth": "no weights file at",
        tmp_path / "other.pth": "is not U²-Net or U²-Net-p (it holds conv.weight",
        tmp_path / "list.pth": "holds a list, not a state dict",
        tmp_path / "short.pth": "lacks 1 tensors of u2netp, such as side3.bias",
        tmp_path / "wrong.pth": "outconv.weight has the shape (2, 6, 1, 1), but u2netp needs (1, 6, 1, 1)",
        tmp_path / "nan.pth": "holds NaN or infinite values",
        _write(tmp_path / "page.pth", b"<!DOCTYPE html><html>not found</html>"): "is a web page, not weights",
        _write(tmp_path / "net.xml", b"<?xml version='1.0'?>"): "is for OpenVINO and cannot be read back",
        _write(tmp_path / "page.onnx", b"\n<html>"): "is a web page, not weights",
        _write(tmp_path / "lfs.pth", b"version https://git-lfs.github.com/spec/v1\n"): "git lfs pull",
        _write(tmp_path / "empty.pth", b""): "is an empty file",
        _write(tmp_path / "cut.pth", good_pth[:100_000]): "damaged or truncated",
        _write(tmp_path / "cut.safetensors", good_safe[:100_000]): "damaged or truncated",
        _write(tmp_path / "noise.onnx", bytes(range(256)) * 9): "damaged or not ONNX",
        _write(tmp_path / "weights.h5", b"\x89HDF"): "unknown kind of weights; use one of .pth",
        _write(tmp_path / "evil.pth", pickle.dumps({"state_dict": _Evil()})): "pickled code, which bgdl does not run",
    }
    for path, sentence in cases.items():
        with pytest.raises(WeightsError) as caught:
            checkpoint.read(path)
        assert sentence in str(caught.value), path.name
        assert "\n" not in str(caught.value)


def test_a_foreign_onnx_is_named(tmp_path: Path) -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [x])
    onnx.save(helper.make_model(graph), str(tmp_path / "relu.onnx"))
    with pytest.raises(WeightsError, match="not U²-Net or U²-Net-p in rembg's layout"):
        checkpoint.read(tmp_path / "relu.onnx")


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="Linux tells which files are mapped")
def test_a_file_that_was_read_is_not_held(tmp_path):
    """On Windows it could be neither replaced nor deleted."""
    path = tmp_path / "held.safetensors"
    checkpoint.write(path, U2Net("u2netp"), spec=InputSpec(), half=False)
    kept = checkpoint.read(path)
    assert kept.state and str(path) not in Path("/proc/self/maps").read_text()
