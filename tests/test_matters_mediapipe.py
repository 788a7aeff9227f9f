"""MediaPipe's model and how it is run, and the sentences where it, or the package, is missing."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import bgdl
from bgdl import weights
from bgdl.errors import InputError, MissingExtra, WeightsError

FILE = "selfie_segmentation_landscape.tflite"


def test_without_the_package_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtra, match=r'pip install "bgdl\[mediapipe\]"'):
        bgdl.load("mediapipe", device="cpu")


@pytest.mark.parametrize(("variant", "hash"), [("landscape", "sha256:a77d03f4"), ("general", "sha256:9ee168ec")])
def test_a_model_that_is_nowhere_is_downloaded_and_checked_by_hash(
    variant: str, hash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mediapipe")
    asked: list[weights.Weights] = []
    monkeypatch.setattr(weights, "fetch", lambda record: asked.append(record) or Path("downloaded"))
    with pytest.raises(InputError, match="no model at downloaded"):
        bgdl.load("mediapipe", device="cpu", variant=variant)
    (record,) = asked
    assert (record.licence, record.hash[:15]) == ("Apache-2.0", hash)


def test_a_path_that_is_not_there_and_a_file_that_is_no_model(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    with pytest.raises(InputError, match=r"no model at .*gone\.tflite"):
        bgdl.load("mediapipe", device="cpu", weights_path=tmp_path / "gone.tflite")
    with pytest.raises(InputError, match="no model at 5;"):
        bgdl.load("mediapipe:weights_path=5", device="cpu")
    (tmp_path / "no.tflite").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match=r"no\.tflite is not a segmentation model that mediapipe can run"):
        bgdl.load("mediapipe", device="cpu", weights_path=tmp_path / "no.tflite")


@pytest.mark.shared
def test_both_variants_find_the_person_and_clean_up_is_binary(shared: Path) -> None:
    pytest.importorskip("mediapipe")
    from bgdl.media import image

    frames = image.read(shared / "data" / "photos" / "seed_input.jpg").frames[:, ::4, ::4].contiguous()
    mattes = {}
    for variant, file in (("landscape", FILE), ("general", "selfie_segmentation.tflite")):
        path = shared / "weights" / file
        mattes[variant] = bgdl.load("mediapipe", device="cpu", variant=variant, weights_path=path).alpha(frames)
        tidy = bgdl.load("mediapipe", device="cpu", variant=variant, weights_path=path, cleanup="tidy").alpha(frames)
        assert set(torch.unique(tidy).tolist()) == {0.0, 1.0}
        assert float((tidy - mattes[variant]).abs().mean()) < 0.03
    assert 0 < float((mattes["landscape"] - mattes["general"]).abs().mean()) < 0.05


@pytest.mark.shared
def test_threads_may_share_the_method(shared: Path) -> None:
    pytest.importorskip("mediapipe")
    matter = bgdl.load("mediapipe", device="cpu", weights_path=shared / "weights" / FILE)
    frames = torch.randint(0, 256, (24, 1, 90, 120, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    alone = [matter.alpha(frame) for frame in frames]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            assert all(map(torch.equal, pool.map(matter.alpha, frames), alone))


@pytest.mark.shared
def test_restored_signal_handlers_do_not_end_the_process(shared: Path) -> None:
    """Lightning restores Python's handlers after a fit; MediaPipe's timers go on sending SIGPROF."""
    code = (
        "import os, signal, bgdl; matter = bgdl.load('mediapipe', device='cpu', weights_path={!r}); "
        "signal.signal(signal.SIGPROF, signal.getsignal(signal.SIGPROF)); os.kill(os.getpid(), signal.SIGPROF)"
    ).format(str(shared / "weights" / "selfie_segmentation_landscape.tflite"))
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_the_model_is_handed_over_as_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows MediaPipe does not find every path."""
    python = pytest.importorskip("mediapipe.tasks.python")
    given: dict[str, object] = {}
    monkeypatch.setattr(python, "BaseOptions", lambda **options: given.update(options) or 1 / 0)
    (tmp_path / "größe.tflite").write_bytes(b"a model")
    with pytest.raises(ZeroDivisionError):
        bgdl.load("mediapipe", device="cpu", weights_path=tmp_path / "größe.tflite")
    assert given == {"model_asset_buffer": b"a model"}
