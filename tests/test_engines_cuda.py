"""The torch engine on an NVIDIA GPU: the code path of the CPU, half precision, batches, graphs."""

from __future__ import annotations

import pytest
import torch

import bgdl

pytestmark = pytest.mark.cuda


@pytest.fixture
def frames() -> torch.Tensor:
    return torch.randint(0, 256, (5, 48, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def expected(tiny_weights, frames) -> torch.Tensor:
    return bgdl.load(tiny_weights, device="cpu", engine="torch", precision="fp32").alpha(frames)


def test_alphas_stay_on_the_gpu_and_equal_the_cpus(tiny_weights, frames, expected):
    alpha = bgdl.load(tiny_weights, device="cuda", engine="torch", precision="fp32").alpha(frames)
    assert alpha.is_cuda
    torch.testing.assert_close(alpha.cpu(), expected, atol=1e-3, rtol=0)  # the CPU rounds what it shrinks to bytes


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_comes_near(tiny_weights, frames, expected, precision):
    alpha = bgdl.load(tiny_weights, device="cuda", engine="torch", precision=precision).alpha(frames)
    assert (alpha.cpu() - expected).abs().mean() < 0.02


def test_a_batch_gives_what_each_frame_gives(tiny_weights, frames):
    matter = bgdl.load(tiny_weights, device="cuda", engine="torch", precision="fp32")
    alone = torch.cat([matter.alpha(frame[None]) for frame in frames])
    torch.testing.assert_close(matter.alpha(frames), alone, atol=1e-3, rtol=0)


def test_frames_that_are_on_the_gpu_stay_there(tiny_weights, frames):
    matter = bgdl.load(tiny_weights, device="cuda", engine="torch", precision="fp16")
    torch.testing.assert_close(matter.alpha(frames.cuda()), matter.alpha(frames), atol=1e-3, rtol=0)


@pytest.mark.slow
def test_compiled_with_graphs_equals_eager(tiny_weights, frames):
    eager = bgdl.load(tiny_weights, device="cuda", engine="torch", precision="fp16")
    compiled = bgdl.load(tiny_weights, device="cuda", engine="torch", precision="fp16", compiled=True)
    for _ in range(3):  # recorded on the second run, replayed on the third
        torch.testing.assert_close(compiled.alpha(frames), eager.alpha(frames), atol=1e-2, rtol=0)


def test_onnxruntime_on_cuda_where_it_is_installed(tiny_weights, frames, expected):
    onnxruntime = pytest.importorskip("onnxruntime")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("the installed onnxruntime has no CUDA provider")
    alpha = bgdl.load(tiny_weights, device="cuda", engine="onnx").alpha(frames)
    torch.testing.assert_close(alpha.cpu(), expected, atol=1e-3, rtol=0)
