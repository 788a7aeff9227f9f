"""int8: ranges measured on pictures, the graph rounded to them, and a file that carries them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import bgdl
from bgdl import weights
from bgdl.bench import pictures
from bgdl.engines import choose, int8, network
from bgdl.errors import DeviceError, InputError, WeightsError
from bgdl.export.model import export
from bgdl.preprocess import InputSpec
from tests.synthetic_people import write_people

openvino = pytest.importorskip("openvino")
SPEC = InputSpec(size=64)
U2NETP_OUTCONV = (0.98291, 0.0156708, -0.00424957, 0.00523376, 0.00263596, 0.00155354, 0.00031805)  # upstream's


@pytest.fixture(scope="module")
def measured(tiny_weights):
    """A network with its calibration."""
    net = network.read(tiny_weights)
    return replace(net, calibration=int8.measure(net, pictures.draw(SPEC).planes))


@pytest.fixture(scope="module")
def calibrated(tiny_weights, tmp_path_factory):
    """The same as a file, exported with a folder of pictures."""
    folder = tmp_path_factory.mktemp("calibrated")
    export(tiny_weights, folder / "own.safetensors", pictures=write_people(folder / "people", 3))
    return folder / "own.safetensors"


def test_every_wide_map_is_rounded_and_holds_zero(measured):
    assert len(measured.calibration.ranges) == 164  # 165, less the sum of the last block, whose ends are kept apart
    for low, high in measured.calibration.ranges.values():
        assert low <= 0 < high
        zero = -255 * low / (high - low)
        assert abs(zero - round(zero)) < 1e-3  # padding is exact


@example(-0.390625, 40.0)
@given(st.floats(-50, 0), st.floats(0.5, 50))
def test_ranges_are_widened_little_and_hold_zero_among_their_levels(low, high):
    least, most = int8._with_zero(low, high)
    assert least <= low + 1e-4 and high - 1e-4 <= most and most - least <= 1.02 * (high - low)
    zero = -255 * least / (most - least)
    assert abs(zero - round(zero)) < 1e-2


def test_ranges_reach_zero_where_a_map_does_not():
    assert int8._with_zero(2.0, 5.0) == (0.0, 5.0)
    assert int8._with_zero(0.0, 0.0) == (0.0, 1e-6)  # an empty range would divide by 0


def test_int8_comes_near_at_any_size(measured):
    """Ranges of 64 px squares, a rectangle run."""
    x = torch.from_numpy(pictures.draw(InputSpec(size=96)).planes)[:2, :, :64]
    exact, rounded = (
        choose.start(measured, choose.Choice("openvino", precision, ""), torch.device("cpu")).run(x)
        for precision in ("fp32", "int8")
    )
    assert 0 < (exact - rounded).abs().mean() < 0.02


def test_convolutions_run_in_int8(measured):
    """What OpenVINO made of the graph: nearly every convolution takes bytes, but for the six that add up the sides."""
    core = openvino.Core()
    model = int8.quantize(core.read_model(_graph(measured)), measured.calibration.ranges)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    kinds = [op.get_rt_info()["runtimePrecision"].astype(str) for op in _convolutions(compiled)]
    assert len(kinds) == 119 + 6 and sum(kind in ("u8", "i8") for kind in kinds) >= 110


def _graph(measured):
    return measured.graph((64, 64), exact=False, kept=measured.calibration.kept)


def _convolutions(compiled):
    return [
        op
        for op in compiled.get_runtime_model().get_ops()
        if op.get_rt_info()["layerType"].astype(str) == "Convolution"
    ]


def test_exported_with_pictures_it_runs_in_int8(calibrated):
    frames = torch.randint(0, 256, (1, 40, 50, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    exact, rounded = (
        bgdl.load(calibrated, device="cpu", engine="openvino", precision=precision).alpha(frames)
        for precision in ("fp32", "int8")
    )
    assert 0 < (exact - rounded).abs().mean() < 0.05
    with pytest.raises(InputError, match=r"'own.onnx' cannot hold int8 calibration"):
        export(calibrated, calibrated.with_suffix(".onnx"), pictures=calibrated.parent / "people")


def test_blended_weights_have_no_ranges_of_their_parts(calibrated, tiny_weights, tmp_path):
    export(calibrated, tmp_path / "mixed.safetensors", start=tiny_weights)
    assert network.read(calibrated).calibration
    assert network.read(tmp_path / "mixed.safetensors").calibration is None


def test_pictures_without_transparency_do_to_measure(tiny_weights, tmp_path):
    (tmp_path / "plain").mkdir()
    Image.new("RGB", (30, 40), (9, 80, 200)).save(tmp_path / "plain" / "a.jpg")
    export(tiny_weights, tmp_path / "own.safetensors", pictures=tmp_path / "plain")
    assert network.read(tmp_path / "own.safetensors").calibration


def test_without_ranges_int8_is_refused_with_the_way_out(tiny_weights):
    message = r"tiny.* has no int8 calibration \(bgdl export .* -o OWN.safetensors --int8 FOLDER measures it\)"
    with pytest.raises(WeightsError, match=message):
        bgdl.load(tiny_weights, device="cpu", engine="openvino", precision="int8")
    with pytest.raises(DeviceError, match="nothing runs torch int8 on cpu"):
        bgdl.load(tiny_weights, device="cpu", engine="torch", precision="int8")


def test_ranges_of_another_network_are_refused(measured):
    model = openvino.Core().read_model(_graph(measured))
    with pytest.raises(WeightsError, match="the int8 calibration is of another network"):
        int8.quantize(model, dict(list(measured.calibration.ranges.items())[1:]))


def test_foreign_graphs_are_not_measured(tmp_path):
    net = network.Network(tmp_path / "isnet.onnx", None, InputSpec())
    with pytest.raises(WeightsError, match=r"isnet.onnx is not a U²-Net in a form that bgdl reads"):
        int8.measure(net, pictures.draw(SPEC).planes)


def test_auto_takes_int8_where_the_processor_and_the_cost_allow(measured, monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(choose, "installed", lambda: ["openvino", "torch"])
    monkeypatch.setattr(choose, "cpu_features", lambda: frozenset({"avx512_vnni", "avx512_bf16"}))
    cost = {"int8": 0.001, "bf16": 0.0}
    assert choose.choose(cpu, network=measured, cost=cost).precision == "int8"
    assert choose.choose(cpu, network=measured, cost={"int8": 0.003, "bf16": 0.0}).precision == "bf16"
    assert choose.choose(cpu, network=replace(measured, calibration=None), cost=cost).precision == "bf16"
    monkeypatch.setattr(choose, "cpu_features", lambda: frozenset({"avx2"}))
    assert choose.choose(cpu, network=measured, cost=cost).precision == "fp32"


@pytest.mark.parametrize("name", ["portrait", "u2netp"])
def test_what_comes_with_bgdl_is_calibrated(name):
    record = weights.RECORDS[name]
    own = Path(weights.__file__).parents[1] / "weights" / record.file
    calibration = weights.calibration(name, U2NETP_OUTCONV) or network.read(own).calibration
    assert calibration and len(calibration.ranges) == 164 and record.cost["int8"] <= choose.ALLOWED_COST
    assert all(0 < len(rows) < 64 for rows in calibration.kept.values()) and len(calibration.kept) == 2


def test_other_weights_of_a_known_name_are_not_calibrated(tiny_weights, tmp_path):
    """Ranges belong to a network, not to the name of its file."""
    assert weights.calibration("u2netp", U2NETP_OUTCONV)
    assert weights.calibration("u2netp", (0.981, *U2NETP_OUTCONV[1:])) is None
    mine = shutil.copy(tiny_weights, tmp_path / f"u2netp{tiny_weights.suffix}")
    assert network.read(mine).calibration is None
