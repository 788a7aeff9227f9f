"""bgdl against rembg and backgroundremover on the same pictures with the same weights, in turns, as ratios.

    python -m venv rembg-venv && rembg-venv/bin/pip install "rembg[cpu,cli]"
    python benchmarks/images.py PICTURES --rembg rembg-venv/bin --weights ~/.rembg/models/u2netp/u2netp.onnx
    python -m venv other-venv && other-venv/bin/pip install backgroundremover
    ... --backgroundremover other-venv/bin --pth u2netp.pth

First the mattes are compared (bgdl fed as rembg does), then what is timed is: `remove(..., only_mask=True)` against
`bgdl.matte` on decoded pictures (backgroundremover's call ends with a PNG of the matte), the commands on one picture
from a cold start, and on a folder. Memory is the peak of the whole process. MODEL_CHECKSUM_DISABLED=1 is set for rembg.
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
BACKGROUNDREMOVER = """
import io, json, sys, time
import numpy as np
from PIL import Image
out, sys.stdout = sys.stdout, sys.stderr
from backgroundremover.bg import remove
for line in sys.stdin:
    path, target = json.loads(line)
    image = np.asarray(Image.open(path).convert("RGB"))
    start = time.perf_counter(), time.process_time()
    mask = remove(image, model_name="u2netp", only_mask=True)
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    if target:
        Image.open(io.BytesIO(mask)).save(target)
    print(json.dumps(seconds), file=out, flush=True)
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
    alpha = bgdl.matte(image, matter, edge="none")  # as rembg leaves them
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    if target:
        Image.fromarray((alpha * 255 + 0.5).astype("uint8")).save(target)
    print(json.dumps(seconds), flush=True)
"""

PAUSE_S = 0.2
"""Before each picture: the other side's threads wait for work by spinning, at the cost of the next."""
OURS = "u2netp.safetensors"
"""The same values as bgdl keeps them: of an .onnx file it would have to read the graph first."""
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
    parser.add_argument("--backgroundremover", type=Path, help="the bin folder of its virtual environment")
    parser.add_argument("--pth", type=Path, help="u2netp.pth, for backgroundremover")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--edge", default="decontaminate", help="of the commands; with none they do what rembg's do")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=int, default=200, help="pictures in the folder run; 0 leaves it out")
    return parser.parse_args()


def _compare(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    (home / "u2net").mkdir()
    shutil.copy(options.weights.expanduser(), home / "u2net" / "u2netp.onnx")
    # in a process of its own: a process starts with the memory peak of the one that started it
    command = [sys.executable, "-m", "bgdl", "export", str(options.weights.expanduser()), "-o", str(home / OURS)]
    subprocess.run([*command, "--precision", "full"], check=True, capture_output=True)
    pictures = sorted(path for path in options.pictures.iterdir() if path.suffix in (".jpg", ".png"))
    found = {"pictures": len(pictures), **_library(options, home, pictures)}
    found["command"] = _command(options, home, pictures[0], home / "one")
    if options.folder:
        found["folder"] = _folder(options, home, pictures)
    return found


def _library(options: argparse.Namespace, home: Path, pictures: list[Path]) -> dict[str, Any]:
    choice = [str(home / OURS), options.engine, options.precision]
    environment = _environment(options, home)
    sides = {
        "bgdl": Library([sys.executable, "-c", BGDL, *choice], environment),
        "rembg": Library([str(options.rembg / "python"), "-c", REMBG], environment),
    }
    if options.backgroundremover:
        command = [str(options.backgroundremover / "python"), "-c", BACKGROUNDREMOVER]
        sides["backgroundremover"] = Library(command, environment)
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
    agreement = {peer: _agreement(home, peer, len(pictures)) for peer in sides if peer != "bgdl"}
    return {"agreement": agreement, "library": _ratio(seconds)}


def _agreement(home: Path, peer: str, count: int) -> dict[str, float]:
    ious, errors = [], []
    for index in range(count):
        own, other = (Image.open(home / f"{name}-{index}.png").convert("L") for name in ("bgdl", peer))
        ours, theirs = np.asarray(own), np.asarray(other.resize(own.size))  # backgroundremover's is 320×320
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
    commands = {
        "bgdl": [*_bgdl(options, home), str(picture), "-o", str(target / "bgdl.png"), "--overwrite"],
        "rembg": [str(options.rembg / "rembg"), "i", "-m", "u2netp", str(picture), str(target / "rembg.png")],
    }
    if options.backgroundremover:
        program = [str(options.backgroundremover / "backgroundremover"), "-m", "u2netp"]
        commands["backgroundremover"] = [*program, "-i", str(picture), "-o", str(target / "other.png")]
    return _in_turns(commands, options, home, options.repeats)


def _folder(options: argparse.Namespace, home: Path, pictures: list[Path]) -> dict[str, Any]:
    source = home / "many"
    source.mkdir()
    for index in range(options.folder):
        picture = pictures[index % len(pictures)]
        shutil.copy(picture, source / f"{index:03d}{picture.suffix}")
    commands = {
        "bgdl": [*_bgdl(options, home), str(source), "-o", str(home / "bgdl-many"), "--overwrite"],
        "rembg": [str(options.rembg / "rembg"), "p", "-m", "u2netp", str(source), str(home / "rembg-many")],
    }
    if options.backgroundremover:
        (home / "other-many").mkdir()
        program = [str(options.backgroundremover / "backgroundremover"), "-m", "u2netp"]
        commands["backgroundremover"] = [*program, "-if", str(source), "-of", str(home / "other-many")]
    return _in_turns(commands, options, home, 1)


def _bgdl(options: argparse.Namespace, home: Path) -> list[str]:
    weights = str(home / OURS)
    engine = ["--engine", options.engine, "--precision", options.precision]
    return [sys.executable, "-m", "bgdl", "image", "-m", weights, "--edge", options.edge, *engine]


def _in_turns(commands: dict[str, list[str]], options: argparse.Namespace, home: Path, repeats: int) -> dict[str, Any]:
    seconds: dict[str, list[Seconds]] = {name: [] for name in commands}
    memory: dict[str, float] = dict.fromkeys(commands, 0.0)
    for _ in range(repeats):
        for name, command in commands.items():
            spent, peak = _run(command, _environment(options, home))
            seconds[name].append(spent)
            memory[name] = max(memory[name], peak)
    ratios = {peer: memory["bgdl"] / peak for peer, peak in memory.items() if peer != "bgdl"}
    return {**_ratio(seconds), "memory_mb": memory, "memory_ratio": ratios}


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


def _environment(options: argparse.Namespace, home: Path) -> dict[str, str]:
    own = {"U2NET_HOME": str(home / "u2net"), "MODEL_CHECKSUM_DISABLED": "1", "U2NETP_PATH": str(options.pth)}
    return {**os.environ, **own}


def _ratio(seconds: dict[str, list[Seconds]]) -> dict[str, Any]:
    wall, processor = ({name: float(np.median([pair[k] for pair in spent])) for name, spent in seconds.items()}
                       for k in (0, 1))  # fmt: skip
    peers = [name for name in seconds if name != "bgdl"]
    return {
        "wall_s": wall,
        "processor_s": processor,
        "times_faster": {peer: wall[peer] / wall["bgdl"] for peer in peers},
        "times_less_processor": {peer: processor[peer] / processor["bgdl"] for peer in peers},
    }


if __name__ == "__main__":
    main()
