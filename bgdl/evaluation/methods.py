"""The methods of a plan, loaded, and what the result says of each and of the machine."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import torch

from bgdl import checks, registry, weights
from bgdl.choices import EdgeName, EngineName, Precision, SmoothName
from bgdl.device import cpu_count, processor_name
from bgdl.engines.network import files_of
from bgdl.errors import InputError
from bgdl.evaluation.made import MadeMattes, is_told
from bgdl.evaluation.protocol import MethodSpec
from bgdl.evaluation.stamps import stamp_of
from bgdl.matters.wrapped import Refined, Smoothed
from bgdl.refine.edges import EDGES
from bgdl.types import Matter, runner_of

AROUND: dict[str, Any] = {"edge": EdgeName, "smooth": SmoothName}
"""Options that every method takes here, with their values; the first leaves the mattes as they are."""


def load_methods(
    specs: Iterable[MethodSpec], *, device: str = "auto", engine: EngineName = "auto", precision: Precision = "auto"
) -> dict[str, Matter]:
    """A Matter for each method by its label; a method's own options go before the common ones.

    Every method takes two options beside its own, which do to its mattes what they do in a video: `edge` (see
    `bgdl.refine.edges`) and `smooth` (see `bgdl.refine.smooth`), which looks at no frame ahead.
    engine, precision: for those that run a network.
    Raises InputError for an unknown method, option or value.
    """
    found = {}
    for spec in specs:
        options = {"device": device, **spec.options}
        edge, smooth = (
            checks.one_of(f"{name} of {spec.label}", options.pop(name, get_args(values)[0]), values)
            for name, values in AROUND.items()
        )
        matter = _mattes(spec, options) if spec.mattes else _method(spec, options, engine, precision)
        steady = matter if smooth == "off" else Smoothed(matter, smooth)
        refine = EDGES[edge].refine
        found[spec.label] = Refined(steady, refine) if refine else steady
    return found


def describe_method(spec: MethodSpec, matter: Matter) -> dict[str, Any]:
    """What a result says of a method: how it was asked for, what ran it, and the hashes of its weights and files."""
    engine = runner_of(matter)
    if is_told(matter):
        return {"method": spec.text, "mattes_sha256": stamp_of(matter.files)}
    path = _weights_file(spec.model)
    named = {name: _weights_file(value) for name, value in spec.options.items() if isinstance(value, str)}
    return {
        "method": spec.text,
        "device": str(matter.device),
        "engine": f"{engine.name} {engine.precision}" if engine else None,
        "weights_sha256": _sha256(path) if path else None,
        **{f"{name}_sha256": _sha256(file) for name, file in named.items() if file},
    }


def describe_machine() -> dict[str, Any]:
    """Versions and processors, so that times can be read; no names of hosts or people."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processor": processor_name(),
        "cpus": cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _method(spec: MethodSpec, options: dict[str, Any], engine: EngineName, precision: Precision) -> Matter:
    common = {"engine": engine, "precision": precision} if registry.is_network(spec.text) else {}
    return registry.load(spec.model, **{**common, **options})


def _mattes(spec: MethodSpec, options: dict[str, Any]) -> Matter:
    assert spec.mattes
    if unknown := options.keys() - {"device"}:
        raise InputError(f"{spec.text} has no option {min(unknown)!r}; mattes take {', '.join(AROUND)}")
    return MadeMattes(spec.mattes, spec.label)


def _weights_file(model: str) -> Path | None:
    path = weights.locate(weights.RECORDS[model]) if model in weights.RECORDS else weights.path_of(model)
    return path if path and path.is_file() else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for file in files_of(path):
        digest.update(file.read_bytes())
    return digest.hexdigest()
