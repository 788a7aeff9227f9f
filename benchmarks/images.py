"""bgdl against rembg on the same pictures with the same weights, in turns, as ratios.

    python -m venv rembg-venv && rembg-venv/bin/pip install "rembg[cpu,cli]"
    python benchmarks/images.py PICTURES --rembg rembg-venv/bin --weights ~/.u2net/u2netp.onnx

First the mattes are compared (both sides fed as rembg does), then what is timed is: `rembg.remove(..., only_mask=True)`
against `bgdl.matte` on decoded pictures, the two commands on one picture from a cold start, and on a folder.
Memory is the peak of the whole process. MODEL_CHECKSUM_DISABLED=1 is set for rembg.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REMBG = """
import json, sys, time
import rembg
from PIL import Image
session = rembg.new_session("u2netp")
for line in sys.stdin:
    path, target = json.loads(line)
    image = Image.open(path).convert("RGB")
    start = time.perf_counter(), time.process_time()
    mask = rembg.remove(image, session=session, only_mask=True)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    if target:
        mask.save(target)
    print(json.dumps(seconds), flush=True)
"""
BGDL = """
import json, sys, time
import bgdl
from PIL import Image
from bgdl import convert
from bgdl.preprocess import InputSpec
model, engine, precision = sys.argv[1:]
spec = InputSpec(scale="max", interpolation="bicubic", stretch="minmax")  # as near as torch comes to rembg's Lanczos
matter = bgdl.load(model, device="cpu", engine=engine, precision=precision, spec=spec)
for line in sys.stdin:
    path, target = json.loads(line)
    image = Image.open(path).convert("RGB")
    start = time.perf_counter(), time.process_time()
    alpha = bgdl.matte(image, matter)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    if target:
        Image.fromarray((alpha * 255 + 0.5).astype("uint8")).save(target)
    print(json.dumps(seconds), flush=True)
"""

PAUSE_S = 0.2
"""Before each picture: the other side's threads wait for work by spinning, at the cost of the next."""
Seconds = tuple[float, float]
"""Wall seconds, and seconds of processor time of all threads: the latter stands on a machine that does other work."""


class Library:
    """A process that mattes one picture after another."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def matte(self, picture: Path, target: Path | None = None) -> Seconds:
        """What one decoded picture took; the matte is written to `target`."""
        assert self._process.stdin and self._process.stdout
        print(json.dumps([str(picture), str(target) if target else None]), file=self._process.stdin, flush=True)
        wall, processor = json.loads(self._process.stdout.readline())
        return float(wall), float(processor)

    def close(self) -> None:
        self._process.communicate()


def main() -> None:
    options = _options()
    home = tempfile.mkdtemp(prefix="bgdl-benchmark-")
    try:
        print(json.dumps(_compare(options, Path(home)), indent=1))
    finally:
        shutil.rmtree(home)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--rembg", type=Path, required=True, help="the bin folder of rembg's virtual environment")
    parser.add_argument("--weights", type=Path, required=True, help="u2netp.onnx in float32, for both")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--edge", default="decontaminate", help="of the commands; with none they do what rembg's do")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=int, default=200, help="pictures in the folder run; 0 leaves it out")
    return parser.parse_args()


def _compare(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    (home / "u2net").mkdir()
    shutil.copy(options.weights.expanduser(), home / "u2net" / "u2netp.onnx")
    pictures = sorted(path for path in options.pictures.iterdir() if path.suffix in (".jpg", ".png"))
    found = {"pictures": len(pictures), **_library(options, home, pictures)}
    found["command"] = _command(options, home, pictures[0], home / "one")
    if options.folder:
        found["folder"] = _folder(options, home, pictures)
    return found


def _library(options: argparse.Namespace, home: Path, pictures: list[Path]) -> dict[str, Any]:
    choice = [str(options.weights.expanduser()), options.engine, options.precision]
    sides = {
        "rembg": Library([str(options.rembg / "python"), "-c", REMBG], _environment(home)),
        "bgdl": Library([sys.executable, "-c", BGDL, *choice], _environment(home)),
    }
    for name, side in sides.items():
        for index, picture in enumerate(pictures):
            side.matte(picture, home / f"{name}-{index}.png")
    seconds: dict[str, list[Seconds]] = {name: [] for name in sides}
    for _ in range(options.repeats):
        for picture in pictures:
            for name, side in sides.items():
                time.sleep(PAUSE_S)
                seconds[name].append(side.matte(picture))
    for side in sides.values():
        side.close()
    return {"agreement": _agreement(home, len(pictures)), "library": _ratio(seconds)}


def _agreement(home: Path, count: int) -> dict[str, float]:
    ious, errors = [], []
    for index in range(count):
        ours, theirs = (np.asarray(Image.open(home / f"{name}-{index}.png")) for name in ("bgdl", "rembg"))
        a, b = ours >= 128, theirs >= 128
        ious.append((a & b).sum() / max(1, (a | b).sum()))
        errors.append(np.abs(ours.astype(float) - theirs).mean() / 255)
    return {
        "iou": float(np.mean(ious)),
        "lowest_iou": float(np.min(ious)),
        "mean_absolute_error": float(np.mean(errors)),
    }


def _command(options: argparse.Namespace, home: Path, picture: Path, target: Path) -> dict[str, Any]:
    target.mkdir()
    theirs = [str(options.rembg / "rembg"), "i", "-m", "u2netp", str(picture), str(target / "rembg.png")]
    ours = [*_bgdl(options), str(picture), "-o", str(target / "bgdl.png"), "--overwrite"]
    return _in_turns({"rembg": theirs, "bgdl": ours}, home, options.repeats)


def _folder(options: argparse.Namespace, home: Path, pictures: list[Path]) -> dict[str, Any]:
    source = home / "many"
    source.mkdir()
    for index in range(options.folder):
        picture = pictures[index % len(pictures)]
        shutil.copy(picture, source / f"{index:03d}{picture.suffix}")
    theirs = [str(options.rembg / "rembg"), "p", "-m", "u2netp", str(source), str(home / "rembg-many")]
    ours = [*_bgdl(options), str(source), "-o", str(home / "bgdl-many"), "--overwrite"]
    return _in_turns({"rembg": theirs, "bgdl": ours}, home, 1)


def _bgdl(options: argparse.Namespace) -> list[str]:
    weights = str(options.weights.expanduser())
    engine = ["--engine", options.engine, "--precision", options.precision]
    return [sys.executable, "-m", "bgdl", "image", "-m", weights, "--edge", options.edge, *engine]


def _in_turns(commands: dict[str, list[str]], home: Path, repeats: int) -> dict[str, Any]:
    seconds: dict[str, list[Seconds]] = {name: [] for name in commands}
    memory: dict[str, float] = dict.fromkeys(commands, 0.0)
    for _ in range(repeats):
        for name, command in commands.items():
            spent, peak = _run(command, _environment(home))
            seconds[name].append(spent)
            memory[name] = max(memory[name], peak)
    return {**_ratio(seconds), "memory_mb": memory, "memory_ratio": memory["bgdl"] / memory["rembg"]}


def _run(command: list[str], environment: dict[str, str]) -> tuple[Seconds, float]:
    """Seconds, and the peak memory of the process in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: {said.decode()[-500:]}")
    return (time.perf_counter() - start, usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 2**10


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "U2NET_HOME": str(home / "u2net"), "MODEL_CHECKSUM_DISABLED": "1"}


def _ratio(seconds: dict[str, list[Seconds]]) -> dict[str, Any]:
    wall, processor = ({name: float(np.median([pair[k] for pair in spent])) for name, spent in seconds.items()}
                       for k in (0, 1))  # fmt: skip
    return {
        "wall_s": wall,
        "processor_s": processor,
        "times_faster": wall["rembg"] / wall["bgdl"],
        "times_less_processor": processor["rembg"] / processor["bgdl"],
    }


if __name__ == "__main__":
    main()
