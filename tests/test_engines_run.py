"""Every engine gives what the plain network gives, one picture or many, at any input size."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from bgdl.device import cpu_features
from bgdl.engines import cache, choose, network, recent
from bgdl.engines.choose import Choice
from bgdl.errors import DeviceError, InputError, WeightsError
from bgdl.nets import checkpoint
from bgdl.nets.u2net import U2Net
from bgdl.preprocess import InputSpec

CPU = torch.device("cpu")
PACKAGE = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}


@pytest.fixture(scope="module")
def net() -> network.Network:
    """A U²-Net-p of random weights whose batch normalisation does something."""
    torch.manual_seed(0)
    plain = U2Net("u2netp").eval()
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.Network(Path("random.pth"), checkpoint.Checkpoint("u2netp", plain.state_dict()), InputSpec(size=64))


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randn(3, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def expected(net, pictures) -> torch.Tensor:
    with torch.inference_mode():
        return net.weights.net()(pictures)


@pytest.mark.parametrize("name", PACKAGE)
def test_engine_equals_the_network(name, net, pictures, expected):
    pytest.importorskip(PACKAGE[name])
    engine = choose.start(net, Choice(name, "fp32", ""), CPU)
    alpha = engine.run(pictures)
    assert alpha.dtype == torch.float32 and alpha.shape == (3, 1, 64, 96)
    torch.testing.assert_close(alpha, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", PACKAGE)
def test_many_at_once_give_what_each_gives_alone(name, net, pictures):
    pytest.importorskip(PACKAGE[name])
    engine = choose.start(net, Choice(name, "fp32", ""), CPU)
    alone = torch.cat([engine.run(picture[None]) for picture in pictures])
    torch.testing.assert_close(engine.run(pictures), alone, atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", PACKAGE)
def test_channels_last_input_and_a_second_size(name, net, pictures, expected):
    pytest.importorskip(PACKAGE[name])
    engine = choose.start(net, Choice(name, "fp32", ""), CPU)
    last = pictures.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(engine.run(last), expected, atol=2e-5, rtol=0)
    odd = torch.randn(1, 3, 70, 51, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        torch.testing.assert_close(engine.run(odd), net.weights.net()(odd), atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", PACKAGE)
def test_threads_may_share_an_engine(name, net, monkeypatch):
    """More input sizes than are kept, one picture and many: each thread gets what it would get alone."""
    pytest.importorskip(PACKAGE[name])
    monkeypatch.setattr(recent, "LIMIT", 1)
    engine = choose.start(net, Choice(name, "fp32", ""), CPU)
    random = torch.Generator().manual_seed(3)
    shapes = [(1, 3, 32, 32), (1, 3, 32, 40), (3, 3, 32, 32), (3, 3, 32, 32), (1, 3, 32, 32)] * 2
    inputs = [torch.randn(shape, generator=random) for shape in shapes]
    alone = [engine.run(x) for x in inputs]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(engine.run, inputs))
    for alpha, wanted in zip(together, alone, strict=True):
        torch.testing.assert_close(alpha, wanted, atol=2e-5, rtol=0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends the process at once")
def test_signals_are_heard_after_networks_that_came_and_went(tiny_weights):
    pytest.importorskip("openvino")
    code = """if True:
        import gc, os, signal, sys, threading, bgdl, torch
        signal.signal(signal.SIGTERM, lambda *_: print("heard"))
        def load():
            matter = bgdl.load(sys.argv[1], device="cpu", engine="openvino", precision="fp32")
            matter.alpha(torch.zeros(1, 9, 9, 3, dtype=torch.uint8))
            return matter
        first, second = load(), load()
        del first
        gc.collect()
        del second
        gc.collect()
        left = [load()]
        thread = threading.Thread(target=lambda: (left.clear(), gc.collect()))
        thread.start()
        thread.join()
        os.kill(os.getpid(), signal.SIGTERM)
    """
    done = subprocess.run([sys.executable, "-c", code, str(tiny_weights)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_bf16_stays_near_fp32(name, net, pictures, expected):
    pytest.importorskip(PACKAGE[name])
    if name == "openvino" and not cpu_features() & choose.BF16_FEATURES:
        pytest.skip("this processor has no bfloat16 arithmetic")
    engine = choose.start(net, Choice(name, "bf16", ""), CPU)
    alpha = engine.run(pictures)
    assert alpha.dtype == torch.float32
    assert 0 < (alpha - expected).abs().mean() < 0.01


def test_openvino_reads_what_it_compiled_before(net, pictures, monkeypatch):
    pytest.importorskip("openvino")
    engine = choose.start(net, Choice("openvino", "fp32", ""), CPU)
    first = engine.run(pictures[:1])
    monkeypatch.setattr(network.Network, "graph", lambda *_: pytest.fail("compiled again"))
    again = choose.start(net, Choice("openvino", "fp32", ""), CPU)
    assert torch.equal(again.run(pictures[:1]), first)


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_cache_is_compiled_anew(damage, net, pictures, expected, own_cache):
    pytest.importorskip("openvino")
    choose.start(net, Choice("openvino", "fp32", ""), CPU).run(pictures[:1])
    for file in own_cache.iterdir():
        data = file.read_bytes()
        file.write_bytes(data[:1000] if damage == "cut" else data[:5000] + bytes(4000) + data[9000:])
    alpha = choose.start(net, Choice("openvino", "fp32", ""), CPU).run(pictures[:1])
    torch.testing.assert_close(alpha, expected[:1], atol=2e-5, rtol=0)
    assert all(file.stat().st_size > 1000 and cache.load(file.name) for file in own_cache.iterdir())


def test_compiled_networks_keep_to_their_budget(own_cache, monkeypatch, bgdl):
    monkeypatch.setattr(cache, "BUDGET_BYTES", 4000)
    cache.remember_cost("key", {"bf16": 0.1})
    for age_s, name in ((30, "old"), (20, "used"), (10, "young")):
        cache.store(f"{name}.blob", bytes(1000))
        os.utime(own_cache / f"{name}.blob", (1e9 - age_s, 1e9 - age_s))
    assert cache.size_bytes() == 3 * 1032
    assert cache.load("used.blob") == bytes(1000)
    cache.store("new.blob", bytes(1500))
    assert {file.stem for file in own_cache.glob("*.blob")} == {"used", "young", "new"}
    cache.store("large.blob", bytes(9000))
    assert [file.name for file in own_cache.glob("*.blob")] == ["large.blob"]
    monkeypatch.setattr(cache, "BUDGET_BYTES", 2_000_000_000)
    assert f"compiled networks: 0.00 of 2 GB in {own_cache}" in bgdl("doctor", "-m", "otsu").out
    assert cache.measured_cost("key") == {"bf16": 0.1}


def test_auto_is_a_target(net, pictures, expected):
    pytest.importorskip("openvino")
    alpha = choose.start(net, Choice("openvino", "fp32", ""), CPU, target="AUTO").run(pictures[:1])
    torch.testing.assert_close(alpha, expected[:1], atol=2e-5, rtol=0)


def test_a_cache_that_cannot_be_written_is_no_error(net, pictures, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BGDL_CACHE", str(tmp_path / "file" / "folder"))
    assert choose.start(net, Choice("openvino", "fp32", ""), CPU).run(pictures[:1]).shape == (1, 1, 64, 96)


@pytest.mark.parametrize(
    ("name", "precision", "options", "error", "says"),
    [
        ("onnx", "fp32", {"provider": "abacus"}, DeviceError, "unknown provider 'abacus'; use cpu, cuda, tensorrt"),
        ("onnx", "bf16", {}, DeviceError, "the onnx engine runs fp32, not bf16"),
        ("onnx", "fp32", {"provider": "directml"}, DeviceError, "has no provider 'directml'; it has cpu"),
        ("openvino", "fp32", {"target": "ABACUS"}, DeviceError, "OpenVINO has no device 'ABACUS' here; it has CPU"),
        ("openvino", "int8", {"target": "ABACUS"}, DeviceError, "OpenVINO has no device 'ABACUS' here; it has CPU"),
        ("torch", "fp32", {"provider": "cpu"}, InputError, "provider is for the onnx engine, but torch runs"),
    ],
)
def test_what_an_engine_cannot_do_is_a_sentence(net, name, precision, options, error, says):
    pytest.importorskip(PACKAGE[name])
    with pytest.raises(error, match=says):
        choose.start(net, Choice(name, precision, ""), CPU, **options)


def test_an_engine_that_cannot_read_the_file_says_which_can(tmp_path):
    foreign = network.Network(tmp_path / "isnet.onnx", None, InputSpec())
    with pytest.raises(WeightsError, match="run it with the openvino or onnx engine"):
        choose.start(foreign, Choice("torch", "fp32", ""), CPU)


class Session:
    """ONNX Runtime's, whose GPU libraries do not load: it runs on the CPU without a word."""

    def __init__(self, source, options, providers):
        type(self).asked = providers

    def get_providers(self):
        return ["CPUExecutionProvider"]


def test_a_provider_that_does_not_start_is_an_error(net, pictures, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    engine = choose.start(net, Choice("onnx", "fp32", ""), torch.device("cuda:3"))
    with pytest.raises(DeviceError, match=r"provider 'cuda' does not start here; .* --device cpu"):
        engine.run(pictures[:1])
    assert Session.asked == [("CUDAExecutionProvider", {"device_id": 3, "use_tf32": 0})]


def test_what_onnxruntime_raises_is_of_the_kind_that_others_raise(net, pictures, monkeypatch):
    """Its own classes come from Exception alone, so nobody would take them for what one picture fails with."""
    state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")
    engine = choose.start(net, Choice("onnx", "fp32", ""), CPU)
    session = engine._session(*pictures.shape[-2:])

    class Full:
        get_inputs, get_outputs = session.get_inputs, session.get_outputs

        def run(self, *_):
            raise state.RuntimeException("Failed to allocate memory for requested buffer of size 5")

    monkeypatch.setattr(engine, "_session", lambda *_: Full())
    with pytest.raises(RuntimeError, match="Failed to allocate memory"):
        engine.run(pictures)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_fp32_on_cuda_is_not_tf32_and_the_settings_are_put_back(net, pictures, monkeypatch, precision):
    cudnn, seen = torch.backends.cudnn, []
    has_tf32 = lambda: cudnn.conv.fp32_precision == "tf32" if hasattr(cudnn, "conv") else cudnn.allow_tf32  # noqa: E731
    engine = choose.start(net, Choice("torch", precision, ""), CPU)
    monkeypatch.setattr(engine, "device", torch.device("cuda"))
    monkeypatch.setattr(engine, "_run", lambda _: seen.append((has_tf32(), cudnn.benchmark)))
    assert has_tf32() and not cudnn.benchmark  # torch's defaults
    engine.run(pictures)
    assert seen == [(precision != "fp32", True)]
    assert has_tf32() and not cudnn.benchmark
    monkeypatch.setattr(engine, "_run", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.run(pictures)
    assert has_tf32() and not cudnn.benchmark


def test_a_compiled_network_runs_in_one_thread(net, pictures, expected, monkeypatch):
    """A CUDA graph belongs to the thread that recorded it, and each clip comes with a new thread."""
    monkeypatch.setattr(torch, "compile", lambda module, mode: module)
    engine = choose.start(net, Choice("torch", "fp32", ""), CPU, compiled=True)
    seen, run = set(), engine._run
    monkeypatch.setattr(engine, "_run", lambda x: seen.add(threading.get_ident()) or run(x))
    for _ in range(3):
        with ThreadPoolExecutor(1) as clip:
            torch.testing.assert_close(clip.submit(engine.run, pictures).result(), expected, atol=1e-4, rtol=0)
    assert len(seen) == 1


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_size_that_is_used_again_and_again_is_made_once(name, net, monkeypatch):
    pytest.importorskip(PACKAGE[name])
    engine = choose.start(net, Choice(name, "fp32", ""), CPU)
    inner, made = {"onnx": "_open", "openvino": "_compile"}[name], []
    make = getattr(engine, inner)
    monkeypatch.setattr(engine, inner, lambda size_hw, *rest: made.append(size_hw) or make(size_hw, *rest))
    hot, others = (32, 32), [(32, 32 * index) for index in range(2, 2 + recent.LIMIT)]
    for size_hw in (hot, *(size for other in others for size in (other, hot)), others[0]):
        assert engine.run(torch.zeros(1, 3, *size_hw)).shape[-2:] == size_hw
    assert made == [hot, *others, others[0]]  # the first of the others had to go


SILENT = """
import sys, bgdl
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: bgdl.load(sys.argv[1], engine="openvino", device="cpu"), range(4)))
assert "openvino" in sys.modules and "openvino_telemetry" not in sys.modules
"""


def test_openvino_reports_nothing_of_its_import_by_several_threads(tiny_weights: Path, tmp_path: Path) -> None:
    """By itself it tells Google Analytics, under a number that it leaves in the user's home (not in CI)."""
    pytest.importorskip("openvino")
    home = {name: str(tmp_path) for name in ("HOME", "USERPROFILE")}
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | home
    subprocess.run([sys.executable, "-c", SILENT, str(tiny_weights)], check=True, timeout=60, env=environment)
    assert not list(tmp_path.rglob("*cid"))
