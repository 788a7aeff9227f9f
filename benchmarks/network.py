"""The network alone: bgdl's engines against ONNX Runtime in float32 on the file that rembg runs, in turns.

    python benchmarks/network.py ~/.rembg/models/u2netp/u2netp.onnx

Every engine is compared with ONNX Runtime's alphas before it is timed; seconds a picture are medians over the turns.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from bgdl.bench.pictures import draw
from bgdl.device import set_threads, thread_count
from bgdl.engines import choose, int8, network
from bgdl.engines.choose import Choice
from bgdl.preprocess import InputSpec

PAUSE_S = 0.2
"""Before each run: the threads of the runtime that ran before wait for work by spinning, at the cost of the next."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="an ONNX file in rembg's layout, in float32")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    set_threads(options.threads)
    print(json.dumps(compare(options.weights.expanduser(), options.repeats), indent=1))


def compare(weights: Path, repeats: int) -> dict[str, Any]:
    pictures = torch.from_numpy(draw(InputSpec(scale="max")).planes[:1])
    runs = {"onnxruntime fp32, rembg's graph": _rembg(weights), **_engines(weights)}
    alphas = {name: run(pictures) for name, run in runs.items()}
    exact = next(iter(alphas.values()))
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            time.sleep(PAUSE_S)
            start = time.perf_counter(), time.process_time()
            run(pictures)
            seconds[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    medians = {name: np.median(spent, axis=0) for name, spent in seconds.items()}
    first = next(iter(medians.values()))
    return {
        name: {
            "wall_s": float(spent[0]),
            "processor_s": float(spent[1]),
            "times_faster": float(first[0] / spent[0]),
            "times_less_processor": float(first[1] / spent[1]),
            "largest_difference": float((alphas[name] - exact).abs().max()),
        }
        for name, spent in medians.items()
    }


def _rembg(weights: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    """The file itself with the session options that rembg sets."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = thread_count()
    session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {entry: x.contiguous().numpy()})[0])


def _engines(weights: Path) -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    net, cpu = network.read(weights), torch.device("cpu")
    if net.calibration is None:  # good enough to time it
        net = replace(net, calibration=int8.measure(net, draw(InputSpec(scale="max")).planes))
    pairs = [pair for pair in choose.candidates(cpu) if pair[0] in choose.installed()]
    return {f"{name} {kind}": choose.start(net, Choice(name, kind, ""), cpu).run for name, kind in pairs}


if __name__ == "__main__":
    main()
