"""One visible table of every method, and `load`, which makes a Matter of a name or of a weights file."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
import yaml

from bgdl import weights
from bgdl.choices import EngineName, Precision
from bgdl.device import pick_device, survive_forks
from bgdl.errors import InputError, WeightsError
from bgdl.nets import checkpoint
from bgdl.preprocess import InputSpec
from bgdl.types import Matter

FED = ("size", "shape", "levels")
"""What a caller may choose of a network's InputSpec by name."""
_WORDS = {"true": True, "false": False, "null": None}

if TYPE_CHECKING:
    from bgdl.engines.network import Network


@dataclass(frozen=True)
class Method:
    """A row of the table.

    target: "module:Class"; None: a network, whose class `load` knows. stateful: sees every frame of a clip, in order.
    primed: learns an empty scene through `prime`.
    """

    target: str | None
    summary: str
    stateful: bool = False
    primed: bool = False


METHODS: dict[str, Method] = {
    **{name: Method(None, record.summary) for name, record in weights.RECORDS.items()},
    "static_difference": Method(
        "bgdl.matters.static_difference:StaticDifference",
        "difference from a photograph of the empty scene",
        primed=True,
    ),
    "running_average": Method(
        "bgdl.matters.running_average:RunningAverage",
        "difference from the average of the first frames",
        stateful=True,
        primed=True,
    ),
    "roi_average": Method(
        "bgdl.matters.roi_average:RoiAverage", "difference from a plain patch of the wall", stateful=True, primed=True
    ),
    "frame_difference": Method(
        "bgdl.matters.frame_difference:FrameDifference", "what moved since the frame before", stateful=True
    ),
    "otsu": Method("bgdl.matters.otsu:Otsu", "the dark side of Otsu's threshold"),
    "canny": Method("bgdl.matters.canny:Canny", "the largest outline of Canny's edges, filled"),
    "mog2": Method("bgdl.matters.mog2:Mog2", "background model: mixture of Gaussians", stateful=True, primed=True),
    "knn": Method("bgdl.matters.knn:Knn", "background model: nearest samples", stateful=True, primed=True),
    "grabcut": Method("bgdl.matters.grabcut:GrabCut", "colour mixtures cut along edges, one picture at a time"),
    "mediapipe": Method(
        "bgdl.matters.mediapipe_selfie:MediaPipeSelfie", "people before a webcam: MediaPipe's selfie segmentation"
    ),
    "chroma_key": Method("bgdl.matters.chroma_key:ChromaKey", "whatever is not the colour of the screen behind"),
}


def load(
    model: str | Path = weights.DEFAULT,
    *,
    device: str = "auto",
    engine: EngineName = "auto",
    precision: Precision = "auto",
    **options: Any,
) -> Matter:
    """A Matter by the name of a method ("portrait", "mog2") or by the path of a weights file.

    model: may carry options, as on the command line: "mog2:history=200:shadows=drop", see `split_options`.
    device: "auto", "cpu", "cuda", "cuda:N" or "mps". engine, precision: for networks only, see `is_network`.
    options: the method's own parameters, for instance `load("mog2", history=200)`; for networks `batch`, `tta` (True:
    a second, mirrored look, see `U2NetMatter`), `size` (side of the network's input in px), `shape` ("square", "area"
    or "aspect"), `levels` ((0, 1) for the network's bare probability), `spec` (an InputSpec in place of the weights'
    own) and what the engine takes: `compiled` (torch), `target` (openvino), `provider` (onnx).
    An option `prior` (of grabcut) may be a Matter or the name of one.
    Raises InputError for an unknown name or option, WeightsError and DeviceError as their names say.
    """
    survive_forks()
    name, written = split_options(str(model))
    options = {**written, **options}
    has_engine = is_network(str(model), **options)
    if isinstance(options.get("prior"), str):
        options["prior"] = load(options["prior"], device=device, engine=engine, precision=precision)
    method = METHODS.get(name)
    own = {} if method or _is_file(name) else weights.registered()
    if method is None and not _is_file(name) and name not in own:
        known = ", ".join([*METHODS, *own])
        raise InputError(f"unknown model {name!r}; known are {known}, or give the path of a weights file")
    name = str(own.get(name, name))
    if method is None or method.target is None:
        return _load_network(name, device, engine, precision, options)
    module, _, attribute = method.target.partition(":")
    cls = getattr(importlib.import_module(module), attribute)
    matter = _construct(cls, name, pick_device(device), options)
    if (engine, precision) != ("auto", "auto") and not has_engine:
        raise InputError(f"{name} does not use a network; leave engine and precision out")
    return matter


def is_network(model: str, **options: Any) -> bool:
    """Whether a method, or the one that it takes as its `prior`, is a network; other names are weights files."""
    name, written = split_options(model)
    prior = {**written, **options}.get("prior")
    return is_network(prior) if isinstance(prior, str) else name in weights.RECORDS or name not in METHODS


def split_options(text: str) -> tuple[str, dict[str, Any]]:
    """`mog2:history=200:shadows=drop` -> "mog2" and its options: numbers, true, false, null, [lists], else words."""
    name, *rest = re.split(r":(?=\w+=)", text)
    try:
        return name, {key: _value(value) for key, _, value in (part.partition("=") for part in rest)}
    except yaml.YAMLError as error:
        raise InputError(
            f"{text!r} has a value that cannot be read; write NAME:option=value, lists as [1,2]"
        ) from error


def _value(text: str) -> Any:
    """Not quite YAML, to which #00b140 is a comment and off is false."""
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return yaml.safe_load(text) if text[:1] in ("[", '"', "'") else text


def _is_file(name: str) -> bool:
    return Path(name).suffix in (*checkpoint.SUFFIXES, ".xml")


def _load_network(name: str, device: str, engine: EngineName, precision: Precision, options: dict[str, Any]) -> Matter:
    from bgdl.engines import choose
    from bgdl.matters.u2net import U2NetMatter

    known = ("batch", "tta", *FED, *choose.OPTIONS)
    if unknown := options.keys() - {*known, "spec"}:
        raise InputError(f"{name} has no option {min(unknown)!r}; it takes {', '.join(known)}")
    record = weights.RECORDS.get(name)
    net = _read(name)
    spec = options.pop("spec", None) or net.spec or (record.spec if record else InputSpec())
    spec = replace(spec, **{key: options.pop(key) for key in FED if key in options})
    cost = record.cost if record else None
    where, choice = choose.place(device, engine=engine, precision=precision, network=net, cost=cost)
    runner_options = {key: options.pop(key) for key in choose.OPTIONS if key in options}
    runner = choose.start(net, choice, where, **runner_options)
    return U2NetMatter(runner, spec, name=name if record else net.path.stem, **options)


def _read(name: str) -> Network:
    """The network; where it is a known one's, an error says which file to delete."""
    from bgdl.engines import network

    path = weights.path_of(name)
    try:
        return network.read(path)
    except WeightsError as error:
        record = weights.RECORDS.get(name)
        if record is None or record.url is None:
            raise
        raise WeightsError(f"{error}: delete {path}, then bgdl models fetch {name}") from error


def _construct(cls: Callable[..., Any], name: str, device: torch.device, options: dict[str, Any]) -> Matter:
    """Call `cls`; an option that it does not have becomes a sentence that lists those it has."""
    known = [key for key in inspect.signature(cls).parameters if key != "device"]
    if unknown := options.keys() - known:
        raise InputError(f"{name} has no option {min(unknown)!r}; it takes {', '.join(known)}")
    return cast(Matter, cls(device=device, **options))
