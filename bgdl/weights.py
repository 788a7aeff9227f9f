"""Which weights there are, and where each file is looked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import isclose
from pathlib import Path

from bgdl.download import download
from bgdl.errors import WeightsError
from bgdl.preprocess import InputSpec

DEFAULT = "portrait"
EXPORTED = (".safetensors", ".onnx", ".xml")
"""What `bgdl export` writes and the user's registry holds."""
_RELEASES = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
_UPSTREAM = "https://github.com/xuebinqin/U-2-Net"
_SPEC = InputSpec(scale="max", antialias=False)


@dataclass(frozen=True)
class Calibration:
    """What int8 needs to know of a network, measured on pictures (`bgdl.engines.int8`).

    ranges: the least and the largest value of each map, by its name. kept: the channels that stay
    (`bgdl.nets.narrow`); empty where all do.
    """

    ranges: Mapping[str, tuple[float, float]]
    kept: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """One weights file: where it comes from, what it needs, what it may be used for and how well it does."""

    name: str
    file: str
    licence: str
    source: str
    summary: str
    url: str | None = None
    hash: str | None = None  # "md5:..." or "sha256:...", as pooch takes it
    spec: InputSpec = field(default_factory=InputSpec)
    scores: Mapping[str, float] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)  # mIoU lost against fp32, by precision


def _release(name: str, md5: str, summary: str, cost: Mapping[str, float] | None = None) -> Weights:
    url = f"{_RELEASES}/{name}.onnx"
    return Weights(
        name, f"{name}.onnx", "Apache-2.0", _UPSTREAM, summary, url, f"md5:{md5}", spec=_SPEC, cost=cost or {}
    )


RECORDS: dict[str, Weights] = {
    record.name: record
    for record in (
        Weights(
            "portrait",
            "portrait.safetensors",
            "Apache-2.0",
            "trained by bgdl: weights/README.md",
            "people; small, comes with bgdl",
            spec=InputSpec(levels=(0.1, 0.9)),
            scores={"people": 0.950, "humans": 0.907},  # mIoU: weights/README.md
            cost={"bf16": 0.0, "int8": 0.0011},  # docs/performance.md
        ),
        _release("u2net", "60024c5c889badc19c04ad937298a77b", "anything that stands out; 176 MB"),
        _release(
            "u2netp",
            "8e83ca70e441ab06c318d82300c84806",
            "anything that stands out; small, 4.6 MB",
            {"bf16": 0.0003, "fp16": 0.0001, "int8": 0.0017},  # docs/performance.md
        ),
        _release("u2net_human_seg", "c09ddc2e0104f800e3e1bb4652583d1f", "people; 176 MB"),
    )
}

_MEDIAPIPE = "https://storage.googleapis.com/mediapipe-assets"

TFLITE: dict[str, Weights] = {
    "mediapipe": Weights(
        "mediapipe",
        "selfie_segmentation_landscape.tflite",
        "Apache-2.0",
        "https://github.com/google-ai-edge/mediapipe",
        "people before a webcam: MediaPipe's landscape model, 144x256",
        f"{_MEDIAPIPE}/selfie_segmentation_landscape.tflite?generation=1683332561312022",
        "sha256:a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
    ),
    "mediapipe:variant=general": Weights(
        "mediapipe:variant=general",
        "selfie_segmentation.tflite",
        "Apache-2.0",
        "https://github.com/google-ai-edge/mediapipe",
        "people before a webcam: MediaPipe's general model, 256x256",
        f"{_MEDIAPIPE}/selfie_segmentation.tflite?generation=1683332563830600",
        "sha256:9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
}
"""What the extra `mediapipe` runs; no network of bgdl's own."""


def find(name: str) -> Path:
    """The file of the weights called `name`, downloaded into the user cache where no copy is found.

    Raises WeightsError for an unknown name and where the download fails, with the manual steps.
    """
    record = (RECORDS | TFLITE).get(name)
    if record is None:
        known = ", ".join(RECORDS | TFLITE)
        raise WeightsError(f"unknown weights {name!r}; known are {known}, or give the path of a file")
    return locate(record) or fetch(record)


def path_of(name: str) -> Path:
    """The file that a name means: one of `bgdl models`, one in the user's registry, else the path itself.

    Raises WeightsError where a name's file cannot be downloaded.
    """
    return find(name) if name in RECORDS else registered().get(name, Path(name).expanduser())


def locate(record: Weights) -> Path | None:
    """The first copy of the file among `search_path`, or None."""
    for folder in search_path():
        for file in (record.file, f"{record.name}.safetensors", f"{record.name}.pth"):
            for path in (folder / file, folder / record.name / file):  # the latter as rembg has them
                if path.is_file():
                    return path
    return None


def search_path() -> Iterator[Path]:
    """Folders in the order in which weights are looked for."""
    package = Path(__file__).parent
    yield package / "_weights"  # inside an installed wheel
    yield package.parent / "weights"  # in a checkout
    if os.environ.get("BGDL_WEIGHTS"):
        yield Path(os.environ["BGDL_WEIGHTS"]).expanduser()
    yield cache_folder()
    yield from _rembg_folders()


def calibration(name: str, outconv: Sequence[float]) -> Calibration | None:
    """That of the weights called `name`, where it comes with bgdl; own weights carry theirs in the file.

    outconv: the seven values of the network's last convolution, which tell weights of that name from others.
    """
    for folder in list(search_path())[:2] if name in RECORDS else ():
        if (folder / f"{name}.int8.json").is_file():
            card = json.loads((folder / f"{name}.int8.json").read_text("utf-8"))
            same = all(isclose(a, b, rel_tol=1e-3) for a, b in zip(card.pop("outconv"), outconv, strict=True))
            return Calibration(**card) if same else None
    return None


def registered() -> dict[str, Path]:
    """Name -> file of the models that `bgdl export --register` put into the user's registry."""
    files = (file for file in sorted(user_folder().glob("[!.]*")) if file.suffix in EXPORTED)
    return {file.stem: file for file in files}


def user_folder() -> Path:
    """The user's registry of own models: $BGDL_MODELS, else a folder among the user's data."""
    chosen = os.environ.get("BGDL_MODELS")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("bgdl", appauthor=False)) / "models"


def cache_folder() -> Path:
    """The user's cache of downloaded weights."""
    import pooch

    return Path(pooch.os_cache("bgdl"))


def _rembg_folders() -> Iterator[Path]:
    """Where rembg keeps the same files, each in a folder of its name; and where older ones did, all in one folder."""
    data = os.environ.get("XDG_DATA_HOME")
    home = os.environ.get("REMBG_HOME") or (f"{data}/rembg" if data else "~/.rembg")
    yield Path(home).expanduser() / "models"
    yield Path(os.environ.get("U2NET_HOME") or f"{data or '~'}/.u2net").expanduser()


def fetch(record: Weights) -> Path:
    """Download into the user cache, see `bgdl.download`; returns the path."""
    if record.url is None:
        raise WeightsError(f"{record.file} comes with bgdl but is not in {', '.join(map(str, search_path()))}")
    target = cache_folder() / record.file
    download(record.url, target, known_hash=record.hash, title=f"{record.file} ({record.licence})")
    return target


def fetch_again(name: str) -> Path:
    """Like `find`, but a file under the record's own name that does not match its hash is not taken.

    Raises WeightsError where such a file lies in a folder before the user cache, which would go on being found.
    """
    path, record = find(name), (RECORDS | TFLITE)[name]
    if record.hash is None or path.name != record.file or _matches(path, record.hash):
        return path
    before = takewhile(lambda folder: folder != cache_folder(), search_path())
    if any(path.is_relative_to(folder) for folder in before):
        raise WeightsError(f"{path} is not {name} as it was published (its hash differs); delete it and fetch again")
    return fetch(record)


def _matches(path: Path, known: str) -> bool:
    import pooch

    kind, _, digest = known.partition(":")
    return bool(pooch.file_hash(str(path), alg=kind) == digest)
