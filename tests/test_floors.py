"""The house rules of docs/architecture.md: floors, no cycles, who may print, what loads torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "bgdl"
FLOORS = {
    0: ["types", "choices", "errors", "checks", "convert", "device", "opencv", "resize", "whole"],
    1: ["preprocess", "compose", "download", "weights", "nets", "metrics"],
    2: ["engines", "media", "refine"],
    3: ["matters", "registry", "data", "synth"],
    4: ["pipeline", "training", "evaluation", "export", "bench"],
    5: ["cli"],
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def _room(module: str) -> str:
    return module.split(".")[1]


def _imports(path: Path) -> set[str]:
    """Modules of bgdl that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bgdl":
            module = str(node.module)
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= {name if _is_module(name) else module for name in inner}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "bgdl"}
    return found


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def _is_folder(name: str) -> bool:
    return PACKAGE.parent.joinpath(*name.split(".")).is_dir()


def test_every_file_has_a_floor() -> None:
    assert {_room(_module(path)) for path in FILES} <= FLOOR_OF.keys()


@pytest.mark.parametrize("path", FILES, ids=_module)
def test_imports_go_down_or_stay_in_the_room(path: Path) -> None:
    room = _room(_module(path))
    for target in _imports(path):
        if target == "bgdl":
            assert FLOOR_OF[room] == 5, f"{path.name} imports the package itself"
            continue
        assert not _is_folder(target), f"{path.name} imports from the __init__ of {target}"
        if _room(target) != room:
            neighbour = FLOOR_OF[_room(target)] == FLOOR_OF[room] < 4
            assert neighbour or FLOOR_OF[_room(target)] < FLOOR_OF[room], f"{path.name} imports {target}"


def test_no_cycles() -> None:
    graph = {_module(path): {name for name in _imports(path) if name != "bgdl"} for path in FILES}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", [p for p in FILES if FLOOR_OF[_room(_module(p))] < 5], ids=_module)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("print", "exit", "quit", "sys.exit", "os._exit"), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in ("sys.stdout", "sys.stderr"), f"{path.name}:{node.lineno}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not {module.split(".")[0] for module in modules} & {"rich", "tqdm"}, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("module", ["bgdl", "bgdl.cli.main"])
def test_start_loads_no_torch(module: str) -> None:
    assert not _loads(module, "torch", "cv2", "numpy", "PIL", "av", "pytorch_lightning")


@pytest.mark.parametrize("module", ["bgdl.pipeline.image", "bgdl.pipeline.image_folder"])
def test_pictures_load_nothing_of_clips(module: str) -> None:
    """PyAV alone would add a twentieth of a second to each start."""
    assert not _loads(module, "av", "bgdl.media.reader", "bgdl.pipeline.video_pump")


def _loads(module: str, *others: str) -> list[str]:
    """Which of the others come with a module."""
    code = f"import sys, {module}; print(*(other for other in {others} if other in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
