"""A checkpoint as a file that describes itself: .safetensors, .onnx or OpenVINO's .xml."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bgdl import preprocess, weights, whole
from bgdl.data.pairs import find_pairs, pictures_under
from bgdl.engines import int8
from bgdl.engines.network import Network, files_of
from bgdl.errors import InputError, WeightsError
from bgdl.export.blend import blend
from bgdl.export.formats import WRITERS, part_of, run
from bgdl.media import image
from bgdl.nets import checkpoint
from bgdl.nets.checkpoint import Checkpoint
from bgdl.nets.u2net import U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec

CALIBRATION = 32
"""Pictures on which int8 ranges are measured."""
TOLERANCE = {True: 2e-3, False: 1e-5}
"""What the probability may differ by from torch's with the same values, on average: at half and at full precision."""


def export(
    source: str | Path,
    target: str | Path,
    *,
    half: bool = True,
    start: str | Path | None = None,
    share: float = 0.5,
    pictures: str | Path | None = None,
    levels: tuple[float, float] | None = None,
    overwrite: bool = False,
    **facts: Any,
) -> float:
    """Write `source` (a Lightning checkpoint or any weights) as `target`; returns its mean difference from torch.

    source, start: paths, or names of `bgdl models`. half: values at half precision; the difference is that from torch
    at full precision. start: weights to blend in, so that `share` of the source remains. pictures: a folder of
    them, in any layout that `bgdl train` takes, masks or not; what int8 needs is measured on some dozens
    (.safetensors only). levels: those of the InputSpec, in place of the source's. overwrite: replace what is there.
    facts: go into the file (licence, scores, ...), beside arch, InputSpec, what the source said of itself, the training
    config and the git revision.
    Raises InputError for an unknown suffix and a file that is there or cannot be written, WeightsError where the
    written file does not agree with torch.
    """
    source, target = weights.path_of(str(source)), Path(target)
    _check(target, pictures, overwrite)
    loaded = checkpoint.read(source)
    if start is not None:
        loaded = blend(loaded, checkpoint.read(weights.path_of(str(start))), share)
        facts["blend"] = {"start": Path(start).name, "share": share}
    spec = loaded.spec or InputSpec()
    if levels is not None:
        spec = replace(spec, levels=levels)
    if pictures is not None:
        facts["int8"] = asdict(int8.measure(Network(source, loaded, spec), _prepared(pictures, spec)))
    card = _card(source, loaded, spec, facts)
    net = loaded.net()
    if loaded.folded:
        fold_batchnorm(net)  # the identities that replace a folded BatchNorm are left out of the file
    return _write_checked(target, net, card, half, spec.size)


def _write_checked(target: Path, net: U2Net, card: dict[str, Any], half: bool, size: int) -> float:
    """Write the file and compare it with torch before it takes its name; the mean difference."""
    with whole.told(f"write {target}"), part_of(target) as part:
        WRITERS[target.suffix](part, net, card, half)
        difference = _mean_difference(net, part, size)
        if half:
            net.half().float()  # what rounding to half changes is told, and no fault of the file
        fault = _mean_difference(net, part, size) if half else difference
        if fault > TOLERANCE[half]:
            raise WeightsError(f"{target.name} differs from torch by {fault:.2g}: a bug in bgdl, please report it")
    return difference


def _check(target: Path, pictures: str | Path | None, overwrite: bool) -> None:
    if target.suffix not in weights.EXPORTED:
        raise InputError(f"cannot export to {target.name!r}; use one of {', '.join(weights.EXPORTED)}")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {target.name}: there is no folder {target.parent}; create it first")
    if pictures is not None and target.suffix != ".safetensors":
        raise InputError(f"{target.name!r} cannot hold int8 calibration; export to .safetensors")
    taken = [file for file in files_of(target) if file.exists()]
    if taken and not overwrite:
        raise InputError(f"{taken[0]} exists; use overwrite or another name")


def _prepared(folder: str | Path, spec: InputSpec) -> NDArray[np.float32]:
    """Pictures of the folder, evenly chosen, as squares that the network takes."""
    inner = Path(folder).expanduser() / "images"
    files = pictures_under(inner) if inner.is_dir() else [pair.image for pair in find_pairs(folder)]
    if not files:
        raise InputError(f"{folder} holds no pictures to calibrate int8 on")
    chosen = files[:: max(1, len(files) // CALIBRATION)][:CALIBRATION]
    square = replace(spec, shape="square")
    return np.concatenate([preprocess.prepare(image.read(file).frames, square).numpy() for file in chosen])


def _card(source: Path, loaded: Checkpoint, spec: InputSpec, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says of itself; `facts` win over what the source said."""
    card = {**loaded.metadata, "arch": loaded.arch, "input_spec": spec.to_dict(), "folded": loaded.folded}
    config = source.parent.parent / "config.yaml"  # where LightningCLI puts it
    if source.suffix == ".ckpt" and config.is_file():
        card["config"] = config.read_text("utf-8")
    revision = _git_revision()
    return {**card, **({"revision": revision} if revision else {}), **facts}


def _git_revision() -> str | None:
    """That of bgdl's own repository; None where it is installed elsewhere, perhaps inside another one."""
    own = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(own), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    root, revision = done.stdout.splitlines()
    return revision if Path(root) == own else None


@torch.inference_mode()
def _mean_difference(net: U2Net, path: Path, size: int) -> float:
    """Of probabilities between torch and the written file, on noise, the worse of two sizes, one of them odd."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for shape in ((2, 3, size, size), (1, 3, size * 3 // 4 + 1, size // 2)):
        x = torch.randn(shape, generator=generator)
        worst = max(worst, float((net(x) - run(path, x)).abs().mean()))
    return worst
