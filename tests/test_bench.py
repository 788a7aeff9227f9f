"""`bgdl bench` measures, compares before it times, and remembers what precision costs. No test looks at a time."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bgdl.bench import measure, pictures
from bgdl.bench.measure import Result, Row, tasks_for
from bgdl.bench.worker import Task, Worker
from bgdl.cli import bench
from bgdl.device import peak_memory_mb
from bgdl.engines import cache, choose, network
from bgdl.errors import BgdlError, DeviceError
from bgdl.preprocess import InputSpec

SPEC = InputSpec(size=32)


def on(weights: Path) -> tuple[object, ...]:
    """One thread: tests run side by side."""
    return "-m", weights, "--device", "cpu", "--threads", 1, "--engine", "torch"


def row(engine: str, precision: str, miou: float | None) -> Row:
    return Row(engine, precision, 1, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, miou, 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures with masks."""
    random = np.random.default_rng(0)
    for name, high in (("images", (40, 30, 3)), ("masks", (40, 30))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(3):
            noise = random.integers(0, 256, high, np.uint8)
            Image.fromarray(noise).save(tmp_path / "data" / name / f"{index}.png")
    return tmp_path / "data"


@pytest.mark.usefixtures("own_cache")
def test_the_command_times_compares_and_remembers(bgdl, tiny_weights, folder, monkeypatch):
    monkeypatch.setattr(bench, "ENOUGH", 3)
    ran = bgdl("bench", *on(tiny_weights), "--pictures", folder, "--repeats", 2, "--batch", "1,2", "--json")
    assert ran.status == 0, ran.err
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [(found["precision"], found["batch"]) for found in rows if found["precision"] == "fp32"] == [
        ("fp32", 1),
        ("fp32", 2),
    ]
    for found in rows:
        assert found["pictures_s"] > 0 and found["p95_s"] >= found["p50_s"] > 0 and found["first_s"] > 0
        assert found["memory_mb"] > 50 and 0 <= found["miou"] <= 1
    assert rows[0]["largest_difference"] == 0
    assert cache.measured_cost(network.read(tiny_weights).key).keys() == {found["precision"] for found in rows} - {
        "fp32"
    }


def test_the_table_names_its_columns(bgdl, tiny_weights):
    ran = bgdl("bench", *on(tiny_weights), "--precision", "fp32", "--repeats", 1)
    assert ran.status == 0, ran.err
    assert "model tiny, device cpu" in ran.err
    head, line = ran.out.splitlines()
    assert head.split()[:4] == ["engine", "precision", "batch", "pictures/s"]
    assert line.split()[:3] == ["torch", "fp32", "1"]


@pytest.mark.parametrize("text", ["0", "1,x", "-1"])
def test_batches_are_whole_numbers(bgdl, tiny_weights, text):
    ran = bgdl("bench", "-m", tiny_weights, "--device", "cpu", f"--batch={text}")
    assert ran.status == 1
    assert "give whole numbers of 1 or more, for instance 1,4,8" in ran.err


def test_a_worker_that_fails_says_why_and_is_left_out(tiny_weights):
    worker = Worker(Task(tiny_weights, "onnx", "bf16", "cpu", 1))
    try:
        with pytest.raises(BgdlError, match="onnx bf16: DeviceError: the onnx engine runs fp32, not bf16"):
            worker.open(pictures.draw(SPEC).planes)
    finally:
        worker.close()


class Pretender(Worker):
    """A worker whose engine is another's with an offset."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def open(self, planes):
        self.alpha = np.full((len(planes), 1, 32, 32), 0.4 if self.task.engine == "onnx" else 0.5, np.float32)
        return 1.0

    def alphas(self):
        return self.alpha

    def time(self, batch):
        return 0.5 * batch

    def memory_mb(self):
        return 7.0

    def close(self):
        pass


def test_an_fp32_engine_that_differs_is_not_timed(monkeypatch):
    monkeypatch.setattr(measure, "Worker", Pretender)
    base = Task(Path("w.pth"), "torch", "fp32", "cpu")
    tasks = tasks_for(base, [("torch", "fp32"), ("onnx", "fp32"), ("openvino", "fp32")], compiled=False)
    result = measure.measure(tasks, pictures.draw(SPEC), SPEC, batches=[1, 4], repeats=2)
    assert [(found.engine, found.batch, found.pictures_s) for found in result.rows] == [
        ("torch", 1, 2.0),
        ("torch", 4, 2.0),
        ("openvino", 1, 2.0),
        ("openvino", 4, 2.0),
    ]
    assert result.left_out == {"onnx fp32": "onnx fp32: its alphas differ by up to 0.100 from torch fp32"}


def test_without_an_fp32_engine_there_is_nothing_to_compare_with(monkeypatch):
    monkeypatch.setattr(measure, "Worker", Pretender)
    with pytest.raises(BgdlError, match="no fp32 engine to compare with"):
        measure.measure([Task(Path("w"), "torch", "bf16", "cpu")], pictures.draw(SPEC), SPEC)


def test_compile_adds_a_task_for_each_of_torchs():
    tasks = tasks_for(Task(Path("w"), "torch", "fp32", "cpu"), [("torch", "bf16"), ("onnx", "fp32")], compiled=True)
    assert [task.label for task in tasks] == ["torch bf16", "onnx fp32", "torch bf16 compiled"]


def test_cost_is_the_worst_of_the_engines():
    rows = [row("torch", "fp32", 0.9), row("torch", "bf16", 0.899), row("openvino", "bf16", 0.897)]
    assert Result(rows, {}).cost() == {"bf16": pytest.approx(0.003)}
    assert Result([row("torch", "fp32", None), row("torch", "bf16", None)], {}).cost() == {}


def test_pictures_without_masks_have_no_miou(tmp_path):
    Image.new("RGB", (20, 10), "red").save(tmp_path / "a.png")
    found = pictures.read(tmp_path, SPEC)
    assert found.planes.shape == (1, 3, 32, 32)
    assert found.miou(np.ones((1, 1, 32, 32), np.float32), SPEC) is None


def test_miou_is_that_of_full_size(tmp_path):
    picture = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 32, 64))
    picture.save(tmp_path / "a.png")
    found = pictures.read(tmp_path, SPEC)
    alpha = np.zeros((1, 1, 32, 32), np.float32)
    alpha[..., :16] = 1
    assert found.miou(alpha, SPEC) == pytest.approx(1.0)
    assert found.miou(1 - alpha, SPEC) == pytest.approx(0.0)


@pytest.mark.parametrize("options", [(), ("--size", 64)])
def test_a_few_pictures_or_another_size_are_not_remembered(bgdl, tiny_weights, folder, options, monkeypatch):
    monkeypatch.setattr(bench, "ENOUGH", 3 if options else 4)
    ran = bgdl("bench", *on(tiny_weights), "--pictures", folder, "--repeats", 1, *options)
    assert ran.status == 0 and "not remembered for --engine auto: that needs" in ran.err
    assert cache.measured_cost(network.read(tiny_weights).key) == {}


def test_what_nothing_here_runs_is_a_sentence(bgdl, tiny_weights):
    ran = bgdl("bench", "-m", tiny_weights, "--device", "cpu", "--engine", "onnx", "--precision", "bf16")
    assert ran.status == 1 and "nothing runs onnx bf16 here; available:" in ran.err
    ran = bgdl("bench", "-m", "portrait:shape=area")
    assert ran.status == 1 and "bgdl bench takes a model without options" in ran.err


def test_pictures_of_several_aspects_are_squares(folder):
    Image.new("RGB", (90, 30)).save(folder / "images" / "wide.png")
    Image.new("L", (90, 30)).save(folder / "masks" / "wide.png")
    _, spec = bench._network("portrait", None)
    assert spec.shape == "square"
    assert pictures.read(folder, spec).planes.shape == (4, 3, 320, 320)


def test_torch_is_the_reference_on_gpus_too(monkeypatch, tiny_weights):
    net = network.read(tiny_weights)
    monkeypatch.setattr(choose, "_unable", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    where, pairs = bench._place(net, "auto", "auto", "auto")
    assert where.type == "cuda" and pairs[0] == ("torch", "fp32") and len(pairs) == len(set(pairs)) == 4
    assert bench._place(net, "cpu", "onnx", "auto")[1] == [("torch", "fp32"), ("onnx", "fp32")]


def test_what_the_gpu_does_not_run_is_timed_on_the_cpu(monkeypatch, tiny_weights, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    where, pairs = bench._place(network.read(tiny_weights), "auto", "openvino", "fp32")
    assert where.type == "cpu" and pairs == [("torch", "fp32"), ("openvino", "fp32")]
    (tmp_path / "mine.xml").write_bytes(b"")
    foreign = network.Network(tmp_path / "mine.xml", None, spec=None)
    assert bench._place(foreign, "auto", "auto", "auto")[0].type == "cpu"
    with pytest.raises(DeviceError, match="nothing runs auto auto here; available: nothing"):
        bench._place(foreign, "cuda", "auto", "auto")


def test_memory_that_the_system_does_not_tell_is_null_in_json(monkeypatch, capsys):
    """As on Windows, which has no `resource`."""
    monkeypatch.setitem(sys.modules, "resource", None)
    unknown = replace(row("torch", "fp32", None), memory_mb=peak_memory_mb())
    bench._show(Result([unknown], {}), as_json=True)
    bench._show(Result([unknown], {}), as_json=False)
    first, _, line = capsys.readouterr().out.splitlines()
    assert json.loads(first, parse_constant=lambda name: pytest.fail(name))["memory_mb"] is None
    assert "nan" not in line and "None" not in line
