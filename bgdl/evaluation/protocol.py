"""What is evaluated and by which rules: the methods, the data and what is done to it before scoring."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from bgdl import checks
from bgdl.errors import InputError
from bgdl.media.empty_scene import parse_prime
from bgdl.registry import split_options

Kind = Literal["pictures", "sequence"]
MATTES = "mattes:"


@dataclass(frozen=True)
class MethodSpec:
    """A method as it is written: a name, weights path or `mattes:FOLDER`, then `:option=value` any number of times.

    label: what it is called in tables: a name of one's own, else the text, a path without folder and ending.
    mattes: the folder of mattes that were made elsewhere; None for a method that makes its own.
    """

    text: str
    label: str
    model: str
    options: Mapping[str, Any]

    @property
    def mattes(self) -> Path | None:
        return Path(self.model.removeprefix(MATTES)).expanduser() if self.model.startswith(MATTES) else None


@dataclass(frozen=True)
class Rules:
    """What is done to the data; part of every result, since figures made by other rules do not compare.

    every: score each n-th picture; stateful methods still see every frame of a sequence. limit: at most so many
    pictures of each clip. split: a validation rule such as "number:10:3" (see bgdl.data.split), whose kept side is
    scored. resize: pictures and truths are shrunk so that the long side is at most this many px, before a method
    sees them. binarize: mattes and truths are cut at 0.5. kind: what the pictures of a folder or manifest are;
    "sequence": the frames of one clip, in the order of their names (2 before 10) or of the manifest. prime: the empty
    scene that methods learn first: "2s", a number of frames, or a picture or clip file; frames of the clip itself are
    then not scored.
    """

    every: int = 1
    limit: int | None = None
    split: str | None = None
    resize: int | None = None
    binarize: bool = False
    kind: Kind = "pictures"
    prime: str | None = None

    def __post_init__(self) -> None:
        for name in ("every", "limit", "resize"):
            if name == "every" or getattr(self, name) is not None:
                object.__setattr__(self, name, checks.count(name, getattr(self, name), at_least=1, at_most=10**9))
        if isinstance(self.prime, (int, float)):  # as YAML reads a number of frames
            object.__setattr__(self, "prime", str(self.prime))
        for name in ("split", "prime"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise InputError(f"{name} is {getattr(self, name)!r}; it must be a string")
        if self.prime is not None:
            parse_prime(self.prime)
        checks.switch("binarize", self.binarize)
        checks.one_of("kind", self.kind, Kind)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """A whole evaluation. reference: the label of the method that the others are compared with."""

    data: tuple[str, ...]
    methods: tuple[MethodSpec, ...]
    rules: Rules
    reference: str


def make_plan(
    data: Sequence[str],
    methods: Sequence[str | Mapping[str, str]],
    rules: Rules | None = None,
    *,
    reference: str | None = None,
) -> Plan:
    """Check and join what was asked for; the reference is the first method unless named.

    methods: as `parse_method` takes them, or {label: method} to call one by a name of one's own.
    Raises InputError where data or methods are missing, a method is named twice or the reference is none of them.
    """
    if not data:
        raise InputError("no data; give a folder with images/ and masks/, a sequence, a clip or a .csv manifest")
    if not methods:
        raise InputError("no methods; give names from `bgdl models` or weights files, for instance portrait,mog2")
    specs = tuple(parse_method(text) for text in methods)
    labels = [spec.label for spec in specs]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError(
            f"two methods are called {twice[0]!r}; name each once, and give files and folders different names"
        )
    chosen = reference or labels[0]
    if chosen not in labels:
        chosen = parse_method(chosen).label
    if chosen not in labels:
        raise InputError(f"the reference {reference!r} is not one of the methods: {', '.join(labels)}")
    return Plan(tuple(data), specs, rules or Rules(), chosen)


def parse_method(text: str | Mapping[str, str]) -> MethodSpec:
    """`mog2:history=200:shadows=drop` -> its name and options; see `bgdl.registry.split_options`."""
    if not isinstance(text, str):
        if not isinstance(text, Mapping) or len(text) != 1:
            raise InputError(
                f"{text} is not a method; write NAME:option=value, or LABEL: NAME:option=value, one to an entry"
            )
        ((label, text),) = text.items()
        return replace(parse_method(text), label=str(label))
    model, options = split_options(text.strip())
    if not model or model.endswith(":"):
        raise InputError(f"{text!r} is not a method; write NAME, NAME:option=value or the path of a weights file")
    spec = MethodSpec(text.strip(), "", model, options)
    short = spec.mattes.resolve().name if spec.mattes else Path(model).stem if Path(model).suffix else model
    return replace(spec, label=short + spec.text.removeprefix(model))


def split_methods(text: str) -> list[str]:
    """`portrait,roi_average:rectangle=[1,2,30,40]` -> both; commas within brackets part nothing."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text)]


def read_config(path: str | Path) -> dict[str, Any]:
    """The settings of a YAML file: data, methods, reference and the fields of `Rules`, all optional.

    Raises InputError for a file that is missing, is no mapping or has keys that are not known.
    """
    try:
        settings = yaml.safe_load(Path(path).read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid YAML: {str(error).splitlines()[0]}") from error
    known = {"data", "methods", "reference", *(field.name for field in fields(Rules))}
    if not isinstance(settings, dict):
        raise InputError(f"{path} is not a mapping; known keys are {', '.join(sorted(known))}")
    unknown = sorted(map(str, settings.keys() - known))
    if unknown:
        raise InputError(f"{path} has the unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")
    if isinstance(settings.get("data"), str):
        settings["data"] = [part.strip() for part in settings["data"].split(",")]
    elif settings.get("data") is not None:
        settings["data"] = [str(part) for part in _listed("data", settings["data"])]
    if isinstance(settings.get("methods"), str):
        settings["methods"] = split_methods(settings["methods"])
    elif settings.get("methods") is not None:
        settings["methods"] = _listed("methods", settings["methods"])
    return settings


def _listed(name: str, value: Any) -> list[Any]:
    if not isinstance(value, (list, int)):
        raise InputError(f"{name} is {value!r}; it must be a list, one to an entry")
    return value if isinstance(value, list) else [value]
