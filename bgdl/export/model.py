"""A checkpoint as a file that describes itself: .safetensors, .onnx or OpenVINO's .xml."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from bgdl import preprocess, weights, whole
from bgdl.data.pairs import find_pairs, pictures_under
from bgdl.engines import int8
from bgdl.engines.network import Network, files_of
from bgdl.engines.openvino_package import load_openvino
from bgdl.errors import InputError, MissingExtra, WeightsError
from bgdl.export.blend import blend
from bgdl.media import image
from bgdl.nets import checkpoint
from bgdl.nets.checkpoint import Checkpoint
from bgdl.nets.onnx_half import to_half
from bgdl.nets.onnx_writer import to_onnx
from bgdl.nets.u2net import U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec
from bgdl.registry import METHODS

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
    with whole.told(f"write {target}"), _part(target) as part:
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


def check_name(name: str, *, overwrite: bool = False) -> None:
    """Raises InputError for a name that `register` would not take."""
    if name in METHODS or not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} cannot be a model's name: use letters, digits, - and _, and no built-in name")
    taken = weights.registered().get(name)
    if taken and not overwrite:
        raise InputError(f"{name!r} is registered already ({taken}); use overwrite or another name")


def register(path: str | Path, name: str, *, overwrite: bool = False) -> Path:
    """Copy an exported file into the user's registry, so that `--model NAME` finds it everywhere.

    overwrite: the name's present files go. Raises InputError for an impossible or taken name and a full disk.
    """
    path = Path(path)
    check_name(name, overwrite=overwrite or path.resolve().parent == weights.user_folder().resolve())
    folder = weights.user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{path.suffix}"
    if target.resolve() != path.resolve():
        with whole.told(f"copy {path.name} to {target}"), _part(target) as part:
            for file, copy in zip(files_of(path), files_of(part), strict=True):
                shutil.copyfile(file, copy)
    for old in set(folder.glob(f"{name}.*")) - set(files_of(target)):
        old.unlink()
    return target


def _write_safetensors(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    facts = {key: value for key, value in card.items() if key not in ("arch", "input_spec")}
    checkpoint.write(path, net, spec=InputSpec.from_dict(card["input_spec"]), half=half, **facts)


def _write_onnx(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    model = to_onnx(net, None)
    if half:
        to_half(model)
    onnx.helper.set_model_props(model, {"bgdl": json.dumps(card)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _write_openvino(path: Path, net: U2Net, card: dict[str, Any], half: bool) -> None:
    openvino = load_openvino("export to .xml")
    model = openvino.Core().read_model(to_onnx(net, None).SerializeToString())
    model.set_rt_info(json.dumps(card), "bgdl")
    with _openvino_told():
        openvino.save_model(model, str(path), compress_to_fp16=half)


@contextmanager
def _openvino_told() -> Iterator[None]:
    """Of a full disk OpenVINO tells in an error of its own; older ones only where what they wrote is read back."""
    try:
        yield
    except RuntimeError as error:
        raise OSError(f"OpenVINO failed ({str(error).strip().splitlines()[-1]}); is the disk full?") from error


WRITERS = {".safetensors": _write_safetensors, ".onnx": _write_onnx, ".xml": _write_openvino}


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
        worst = max(worst, float((net(x) - _run(path, x)).abs().mean()))
    return worst


def _run(path: Path, x: Tensor) -> Tensor:
    """The written file's probability, by the program that will run it."""
    if path.suffix == ".safetensors":
        return checkpoint.read(path).net()(x)  # type: ignore[no-any-return]
    if path.suffix == ".xml":
        core = load_openvino("checking an exported .xml").Core()
        with _openvino_told():
            compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return torch.from_numpy(np.array(compiled(x.numpy())[0]))
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra("checking an exported .onnx", "onnx") from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"image": x.numpy()})[0])


def _part(target: Path) -> AbstractContextManager[Path]:
    """Where to write meanwhile, and beside it, as `files_of` has it, an .xml's .bin."""
    return whole.part(target, *([".bin"] if target.suffix == ".xml" else []))
