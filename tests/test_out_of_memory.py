"""Out of memory: the batch is halved and the work goes on; where one picture does not fit, a sentence."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from bgdl.errors import DeviceError
from bgdl.matters.u2net import U2NetMatter
from bgdl.pipeline.video_step import pick_batch
from bgdl.preprocess import InputSpec

ERRORS = {
    "cuda": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 5.12 GB)"),
    "torch": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: you tried"
    ),
    "openvino": RuntimeError("Exception from src/inference.cpp:117:\nFailed to allocate 32000000000 bytes of memory\n"),
}


class Small:
    """An engine whose memory holds `room` pictures."""

    name, precision, device, batch = "small", "fp32", torch.device("cpu"), 8

    def __init__(self, room: int, error: RuntimeError) -> None:
        self.room, self.error, self.runs = room, error, []

    def run(self, x: torch.Tensor) -> torch.Tensor:
        self.runs.append(len(x))
        if len(x) > self.room:
            raise self.error
        return x.mean(1, keepdim=True).sigmoid()


FRAMES = torch.arange(6 * 12, dtype=torch.uint8).view(6, 2, 2, 3)


@pytest.mark.parametrize("where", ERRORS)
def test_the_batch_is_halved_until_it_fits(where):
    engine = Small(2, ERRORS[where])
    with pytest.warns(UserWarning, match="going on with batches of") as told:
        alpha = U2NetMatter(engine, InputSpec(size=32)).alpha(FRAMES)
    assert engine.runs == [6, 4, 2, 2, 2] and len(told) == 2
    assert told[0].filename == __file__
    torch.testing.assert_close(alpha, U2NetMatter(Small(9, ERRORS[where]), InputSpec(size=32)).alpha(FRAMES))


@pytest.mark.parametrize("where", ERRORS)
@pytest.mark.filterwarnings("ignore:out of memory")
def test_one_picture_that_does_not_fit_is_a_sentence(where):
    matter = U2NetMatter(Small(0, ERRORS[where]), InputSpec(size=32))
    with pytest.raises(
        DeviceError, match=r"one 32 px picture does not fit .* end what else uses it or choose a smaller"
    ):
        matter.alpha(FRAMES)
    matter.device = torch.device("meta")
    with pytest.raises(DeviceError, match=r"choose a smaller size, or use --device cpu$"):
        matter._part(FRAMES, 1)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried to get 2 GiB\nmore"), MemoryError("Unable to allocate")],
)
def test_memory_that_runs_out_elsewhere_ends_the_command_with_a_sentence(bgdl, photos, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr("bgdl.matters.otsu.Otsu.alpha", full)
    done = bgdl("video", photos / "a.jpg", "-m", "otsu", "-b", "red", "-o", photos / "a.mp4")
    line = str(error).splitlines()[0]
    assert done.status == 1
    assert done.err.endswith(f"error: memory ran out ({line}); end what else uses it, or make size or batch smaller\n")


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        U2NetMatter(Small(0, RuntimeError("shapes cannot be multiplied")), InputSpec(size=32)).alpha(FRAMES)


@pytest.mark.filterwarnings("ignore:out of memory")
def test_threads_that_run_out_of_memory_at_once_halve_the_batch_once():
    together = threading.Barrier(2)

    class Both(Small):
        def run(self, x: torch.Tensor) -> torch.Tensor:
            assert len(self.runs) < 20, "without an end"
            if len(x) > self.room:
                together.wait(10)
            return super().run(x)

    matter = U2NetMatter(Both(1, ERRORS["cuda"]), InputSpec(size=32), batch=2)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(matter.alpha, (FRAMES[:2], FRAMES[:2]))
    assert matter.batch == 1 and sorted(matter.engine.runs) == [1, 1, 1, 1, 2, 2]
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize(("free_gb", "batch"), [(0.1, 1), (4, 6), (80, 16)])
def test_batches_on_a_gpu_go_by_its_free_memory(free_gb: float, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free_gb * 1e9), 0))
    assert pick_batch(torch.device("cuda"), (1080, 1920)) == batch
    assert pick_batch(torch.device("cpu"), (1080, 1920)) == 2
