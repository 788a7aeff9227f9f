"""`auto` takes the fastest engine whose precision keeps quality, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bgdl
from bgdl.engines import cache, choose, network
from bgdl.engines.choose import Choice
from bgdl.errors import DeviceError, InputError
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec
from bgdl.weights import Calibration

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
ALL = ["openvino", "onnx", "torch"]


@pytest.fixture
def machine(monkeypatch):
    """Pretends a processor and what is installed."""

    def pretend(features: set[str], engines: list[str] = ALL) -> None:
        monkeypatch.setattr(choose, "cpu_features", lambda: frozenset(features))
        monkeypatch.setattr(choose, "installed", lambda: engines)

    return pretend


def test_bf16_is_taken_where_it_costs_little(machine):
    machine({"avx512f", "avx512_bf16"})
    choice = choose.choose(CPU, cost={"bf16": 0.0019})
    assert choice == Choice("openvino", "bf16", "the fastest that is installed; bf16 costs 0.0019 mIoU")


def test_bf16_is_not_taken_where_it_costs_more(machine):
    machine({"amx_bf16"})
    choice = choose.choose(CPU, cost={"bf16": 0.0031})
    assert (choice.engine, choice.precision) == ("openvino", "fp32")
    assert "bf16 costs these weights 0.0031 mIoU, more than 0.002" in choice.reason


def test_what_was_never_measured_is_not_taken(machine):
    machine({"amx_bf16"})
    choice = choose.choose(CPU)
    assert choice.precision == "fp32"
    assert "the cost of bf16 is not known for these weights (bgdl bench --pictures FOLDER measures it)" in choice.reason


def test_a_processor_without_bf16_runs_fp32(machine):
    machine({"avx2"})
    assert choose.choose(CPU, cost={"bf16": 0.0}) == Choice("openvino", "fp32", "the fastest that is installed")


@pytest.mark.parametrize(
    ("engines", "expected"),
    [(ALL, ("openvino", "bf16")), (["onnx", "torch"], ("torch", "bf16")), (["torch"], ("torch", "bf16"))],
)
def test_only_what_is_installed_is_taken(machine, engines, expected):
    machine({"avx512_bf16"}, engines)
    choice = choose.choose(CPU, cost={"bf16": 0.001})
    assert (choice.engine, choice.precision) == expected


def test_without_bf16_and_openvino_onnxruntime_comes_before_torch(machine):
    machine(set(), ["onnx", "torch"])
    assert choose.choose(CPU).engine == "onnx"


def test_on_arm_openvino_runs_neither_bf16_nor_int8(machine):
    machine({"asimdhp", "bf16", "i8mm"})
    assert choose.candidates(CPU)[:2] == [("openvino", "fp16"), ("torch", "bf16")]
    assert not {("openvino", "bf16"), ("openvino", "int8")} & set(choose.candidates(CPU))


def test_an_engine_or_a_precision_by_name_is_kept(machine):
    machine({"avx512_bf16"})
    assert choose.choose(CPU, engine="torch", cost={"bf16": 0.0}).precision == "bf16"
    assert choose.choose(CPU, engine="onnx", cost={"bf16": 0.0}).precision == "fp32"
    assert choose.choose(CPU, precision="bf16").engine == "openvino"  # asked for: its cost is the asker's own
    assert choose.choose(CPU, engine="torch", precision="fp16") == Choice("torch", "fp16", "both asked for")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"engine": "openvino", "precision": "int4"}, "precision is 'int4'; it must be one of auto, fp32, bf16, fp16"),
        ({"precision": "FP16"}, "precision is 'FP16'; it must be one of auto, fp32"),
        ({"engine": "tensorrt", "precision": "fp16"}, "engine is 'tensorrt'; it must be one of auto, torch, openvino"),
        ({"engine": None}, "engine is None; it must be one of auto"),
    ],
)  # fmt: skip
def test_an_unknown_word_is_a_sentence(tiny_weights, options, sentence):
    with pytest.raises(InputError, match=sentence):
        bgdl.load(tiny_weights, device="cpu", **options)


def test_cuda_takes_half_precision_only_where_measured(machine):
    machine(set())
    assert choose.choose(CUDA, cost={"fp16": 0.0001}).precision == "fp16"
    assert choose.choose(CUDA, cost={"bf16": 0.0001}).precision == "fp16"  # finer than bf16
    assert choose.choose(CUDA, cost={"bf16": 0.0001, "fp16": 0.01}).precision == "bf16"
    assert choose.choose(CUDA).precision == "fp32"


def test_nothing_left_is_an_error_with_the_reason(machine):
    machine(set(), ["torch"])
    with pytest.raises(DeviceError, match=r'openvino is not installed \(pip install "bgdl\[openvino\]"\)$'):
        choose.choose(CPU, engine="openvino")
    with pytest.raises(DeviceError, match="nothing runs bf16 on cpu"):
        choose.choose(CPU, precision="bf16")
    with pytest.raises(DeviceError, match=r"nothing runs fp16 on cpu: no such pair; available: torch fp32$"):
        choose.choose(CPU, precision="fp16")


@pytest.mark.usefixtures("own_cache")
def test_costs_come_from_the_file_the_record_and_this_machine(machine):
    machine({"avx512_bf16"})
    weights = checkpoint.Checkpoint("u2netp", {"w": torch.zeros(2)})
    net = network.Network(Path("w.pth"), weights, InputSpec(), {"bf16": 0.5})
    assert choose.choose(CPU, network=net).precision == "fp32"
    assert choose.choose(CPU, network=net, cost={"bf16": 0.001}).precision == "bf16"
    cache.remember_cost(net.key, {"bf16": 0.4})
    assert choose.choose(CPU, network=net, cost={"bf16": 0.001}).precision == "fp32"


def test_foreign_graphs_are_for_runtimes(machine, tmp_path):
    machine({"avx512_bf16"})
    (tmp_path / "x.onnx").write_bytes(b"x")
    net = network.Network(tmp_path / "x.onnx", None, InputSpec(), {"bf16": 0.0})
    assert choose.choose(CPU, network=net).engine == "openvino"
    with pytest.raises(DeviceError, match="nothing runs torch on cpu"):
        choose.choose(CPU, network=net, engine="torch")


def test_load_takes_the_choice(machine, tmp_path):
    machine({"avx512_bf16"}, ["torch"])
    path = tmp_path / "mine.safetensors"
    checkpoint.write(path, U2Net("u2netp"), spec=InputSpec(size=32), precision_cost={"bf16": 0.001})
    assert bgdl.load(path, device="cpu").engine.precision == "bf16"
    assert bgdl.load(path, device="cpu", precision="fp32").engine.precision == "fp32"


@pytest.mark.usefixtures("own_cache")
def test_costs_that_cannot_be_read_are_none():
    for odd in (b"not json", b"[]", b'{"int8": null}'):
        cache.store("cost-k.json", odd)
        assert cache.measured_cost("k") == {}
    cache.remember_cost("k", {"bf16": 0.001})
    cache.remember_cost("k", {"fp16": 0.0})
    assert cache.measured_cost("k") == {"bf16": 0.001, "fp16": 0.0}


@pytest.fixture
def gpu(monkeypatch):
    """Pretends an NVIDIA GPU, and no CUDA in ONNX Runtime."""
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "openvino"},
        {"engine": "onnx"},
        {"engine": "onnx", "precision": "fp32"},
        {"engine": "openvino", "precision": "fp32"},
    ],
)
def test_auto_goes_to_the_cpu_for_what_the_gpu_does_not_run(gpu, options, tiny_weights):
    matter = bgdl.load(tiny_weights, **options)
    assert matter.device == CPU and matter.engine.name == options["engine"]
    with pytest.raises(DeviceError, match=rf"nothing runs {options['engine']}.* on cuda: .*; use --device cpu$"):
        bgdl.load(tiny_weights, device="cuda", **options)


def test_auto_runs_foreign_files_beside_a_gpu(gpu, machine, tmp_path):
    machine(set())
    (tmp_path / "mine.bin").write_bytes(b"x")
    for name in ("isnet.onnx", "mine.xml"):
        (tmp_path / name).write_bytes(b"x")
        net = network.Network(tmp_path / name, None, InputSpec())
        where, choice = choose.place("auto", network=net)
        assert where == CPU and choice.engine == "openvino"
        with pytest.raises(DeviceError, match=r"torch cannot run .*; use --device cpu$"):
            choose.place("cuda", network=net)


def test_auto_runs_int8_beside_a_gpu(gpu, machine, tmp_path):
    machine({"avx512_vnni"})
    net = network.Network(tmp_path / "x", checkpoint.Checkpoint("u2netp", {}), InputSpec(), {}, Calibration({}))
    where, choice = choose.place("auto", precision="int8", network=net)
    assert (where, choice.engine, choice.precision) == (CPU, "openvino", "int8")


def test_auto_stays_on_the_gpu_that_can(gpu, machine):
    machine(set())
    where, choice = choose.place("auto")
    assert where.type == "cuda" and choice.engine == "torch"
    assert choose.place("auto", engine="torch", precision="bf16")[0].type == "cuda"
