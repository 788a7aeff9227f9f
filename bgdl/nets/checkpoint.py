"""Weights files in every form that U²-Net comes in, read without running any code from them, and written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from bgdl.errors import WeightsError
from bgdl.nets.card import read_card
from bgdl.nets.u2net import TABLE, Arch, U2Net, fold_batchnorm
from bgdl.preprocess import InputSpec

TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin")
SUFFIXES = (*TORCH_SUFFIXES, ".safetensors", ".onnx")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "params")
BATCHNORM_EPS = 1e-5  # torch's default, which U²-Net keeps
_PREFIXES = ("module.", "_orig_mod.", "net.", "model.")


@dataclass(frozen=True)
class Checkpoint:
    """A state dict with upstream's keys (float32), and what its file says of itself.

    spec is None where the file does not carry one. folded: BatchNorm was merged into the convolutions, so
    its statistics are to be re-estimated on data before fine-tuning.
    """

    arch: Arch
    state: dict[str, Tensor]
    spec: InputSpec | None = None
    folded: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    def net(self) -> U2Net:
        """The network with these weights, in eval mode."""
        net = U2Net(self.arch)
        net.load_state_dict(self.state)
        return net.eval()

    def fold(self) -> Checkpoint:
        """The same with BatchNorm merged into the convolutions, and one that changes nothing in its place."""
        state = fold_batchnorm(self.net()).state_dict()
        _fill_batchnorm(state, self.state, folded=True)
        return replace(self, state=state, folded=True)


def read(path: str | Path) -> Checkpoint:
    """Read U²-Net weights: .pth, .pt, .ckpt (Lightning), .safetensors or .onnx in rembg's layout.

    Raises WeightsError with one sentence for a missing, damaged or foreign file.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"no weights file at {path}")
    if path.suffix == ".xml":
        raise WeightsError(
            f"{path.name} is for OpenVINO and cannot be read back; give the .ckpt or .safetensors it came from"
        )
    _refuse_text(path)
    if path.suffix == ".safetensors":
        state, metadata = _read_safetensors(path)
    elif path.suffix == ".onnx":
        from bgdl.nets import onnx_layout  # onnx takes a while to import

        state = onnx_layout.read_state(path)
        metadata = {**read_card(path), "folded": True}
    elif path.suffix in TORCH_SUFFIXES:
        state, metadata = _read_torch(path)
    else:
        raise WeightsError(f"{path.name}: unknown kind of weights; use one of {', '.join(SUFFIXES)}")
    return _checked(path, state, metadata)


def write(path: str | Path, net: U2Net, *, spec: InputSpec, half: bool = True, **metadata: Any) -> None:
    """Write `net` as self-describing safetensors (arch, InputSpec and `metadata` as JSON in the header).

    Written in place: give a `bgdl.whole.part` to keep the former file until the new one is whole.
    """
    dtype = torch.float16 if half else torch.float32
    state = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()}
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
    card = {"arch": net.arch, "input_spec": spec.to_dict(), **metadata}
    Path(path).write_bytes(save(state, {"bgdl": json.dumps(card)}))  # save_file lets nobody else read the file


def _refuse_text(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise WeightsError(f"{path.name} is an empty file; download it again")
    if head.lstrip()[:1] == b"<":
        raise WeightsError(f"{path.name} is a web page, not weights; download the file itself")
    if head.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path.name} is a Git LFS pointer, not weights; run: git lfs pull")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        state = load(path.read_bytes())  # not mapped: on Windows the file could be neither replaced nor deleted
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path.name} is damaged or truncated ({error}); download it again") from error
    return state, read_card(path)


def _read_torch(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise WeightsError(
                f"{path.name} holds pickled code, which bgdl does not run; save its state_dict() alone"
            ) from error
        raise WeightsError(f"{path.name} is damaged or truncated ({_first_line(error)}); get a new copy") from error
    if not isinstance(loaded, dict):
        raise WeightsError(f"{path.name} holds a {type(loaded).__name__}, not a state dict; save its state_dict()")
    hyper = loaded.get("hyper_parameters") or {}
    for wrapper in _WRAPPERS:
        if isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    state = {key: value for key, value in loaded.items() if isinstance(key, str) and isinstance(value, Tensor)}
    return state, dict(hyper) if isinstance(hyper, dict) else {}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _checked(path: Path, state: dict[str, Tensor], metadata: dict[str, Any]) -> Checkpoint:
    state = {_bare(key): value for key, value in state.items()}
    arch = _recognise(path, state)
    with torch.device("meta"):  # names, shapes and types alone
        expected = U2Net(arch).state_dict()
    state = {key: value for key, value in state.items() if key in expected}
    folded = bool(metadata.get("folded")) or not any(".bn_s1." in key for key in state)
    _fill_batchnorm(state, expected, folded)
    missing = expected.keys() - state.keys()
    if missing:
        raise WeightsError(f"{path.name} lacks {len(missing)} tensors of {arch}, such as {min(missing)}")
    wrong = [key for key in expected if state[key].shape != expected[key].shape]
    if wrong:
        got, need = tuple(state[wrong[0]].shape), tuple(expected[wrong[0]].shape)
        raise WeightsError(f"{path.name}: {wrong[0]} has the shape {got}, but {arch} needs {need}")
    state = {key: value.to(expected[key].dtype) for key, value in state.items()}
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise WeightsError(f"{path.name} holds NaN or infinite values; training diverged or the file is damaged")
    spec = metadata.get("input_spec")
    return Checkpoint(arch, state, InputSpec.from_dict(spec) if isinstance(spec, dict) else None, folded, metadata)


def _fill_batchnorm(state: dict[str, Tensor], expected: dict[str, Tensor], folded: bool) -> None:
    """Add what files leave out: the count of batches, and the whole BatchNorm (as an identity) once it was folded."""
    for key, value in expected.items():
        if key not in state and ((folded and ".bn_s1." in key) or key.endswith("num_batches_tracked")):
            ones = key.endswith(("bn_s1.weight", "bn_s1.running_var"))
            scale = (1 + BATCHNORM_EPS) ** 0.5 if key.endswith("bn_s1.weight") else 1
            state[key] = torch.full(value.shape, scale if ones else 0, dtype=value.dtype)


def _bare(key: str) -> str:
    """The key without the prefixes that DataParallel, torch.compile and Lightning put before it."""
    while True:
        for prefix in _PREFIXES:
            if key.startswith(prefix):
                key = key[len(prefix) :]
                break
        else:
            return key


def _recognise(path: Path, state: dict[str, Tensor]) -> Arch:
    middle = state.get("stage2.rebnconv1.conv_s1.weight")
    if middle is not None and middle.ndim == 4:
        for arch, table in TABLE.items():
            if tuple(middle.shape[:2]) == (table["stage2"].inner[1], table["stage2"].inner[2]):
                return arch
    found = ", ".join(list(state)[:2]) or "no tensors"
    raise WeightsError(f"{path.name} is not U²-Net or U²-Net-p (it holds {found}, ...)")
