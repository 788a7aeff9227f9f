"""The Colab notebook: runs from top to bottom, is committed without outputs, keeps Colab's cells to Colab."""

from __future__ import annotations

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import make_archive
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from bgdl.data.pairs import find_pairs
from tests.synthetic_people import write_people

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "notebooks" / "bgdl_colab.ipynb"
BADGE = "https://colab.research.google.com/github/bgdl/bgdl/blob/main/notebooks/bgdl_colab.ipynb"


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells() -> list[str]:
    return [cell.source for cell in read().cells if cell.cell_type == "code"]


def unguarded(source: str) -> list[int]:
    """Lines that import from google.colab outside the body of an `if IN_COLAB`."""
    return sorted(_unguarded(ast.parse(source), guarded=False))


def _unguarded(node: ast.AST, *, guarded: bool) -> Iterator[int]:
    if not guarded and isinstance(node, (ast.Import, ast.ImportFrom)) and _modules(node) & {"google"}:
        yield node.lineno
    within = node.body if isinstance(node, ast.If) and _asks_for_colab(node.test) else []
    for child in ast.iter_child_nodes(node):
        yield from _unguarded(child, guarded=guarded or child in within)


def _modules(node: ast.Import | ast.ImportFrom) -> set[str]:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return {name.partition(".")[0] for name in names}


def _asks_for_colab(test: ast.expr) -> bool:
    """`IN_COLAB`, or `IN_COLAB and …`."""
    first = test.values[0] if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else test
    return isinstance(first, ast.Name) and first.id == "IN_COLAB"


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from google.colab import files", [1]),
        ("if IN_COLAB:\n    from google.colab import files", []),
        ("if IN_COLAB and UPLOAD:\n    import google.colab", []),
        ("if UPLOAD and IN_COLAB:\n    import google.colab", [2]),
        ("if IN_COLAB or UPLOAD:\n    import google.colab", [2]),
        ("if not IN_COLAB:\n    import google.colab", [2]),
        ("if IN_COLAB:\n    pass\nelse:\n    from google.colab import drive", [4]),
        ("def f():\n    if IN_COLAB:\n        for x in y:\n            from google.colab import drive", []),
    ],
)
def test_the_guard_check_sees_what_is_guarded(source: str, lines: list[int]) -> None:
    assert unguarded(source) == lines


def test_what_only_colab_has_is_guarded() -> None:
    cells = code_cells()
    assert sum("google.colab import" in source for source in cells) >= 2  # upload or Drive, download
    assert [unguarded(source) for source in cells] == [[] for _ in cells]
    assert not [line for source in cells for line in source.splitlines() if re.match(r"\s*[!%]", line)]


def test_outputs_are_stripped_and_the_kernel_is_plain() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec["name"] == "python3"
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None) for _ in cells]
    assert BADGE in notebook.cells[0].source


def test_every_section_can_be_run_again() -> None:
    """What a command wrote before is replaced; a training has a folder that it goes on writing to."""
    nodes = [node for source in code_cells() for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    commands = [ast.unparse(node) for node in nodes if ast.unparse(node).startswith("command('")]
    replacing = [words for words in commands if "--overwrite" in words or "*options" in words]
    assert [words.split("'")[1] for words in commands if words not in replacing] == ["train"]
    assert len(replacing) == 4 and any('options = ("--overwrite",)' in source for source in code_cells())


def unpack_pairs(tmp_path: Path, name: str) -> list[str]:
    """What the cell that unpacks an own zip finds in that of the folder `name`."""
    (source,) = [source for source in code_cells() if "unpack_archive" in source]
    zipped = Path(make_archive(str(tmp_path / name), "zip", tmp_path / name))
    names: dict[str, Any] = {"WORK": tmp_path / "work", "own_file": lambda *_: zipped}
    exec(compile(source, "pairs cell", "exec"), names)
    found: list[str] = names["found"]
    return found


def test_another_zip_of_pairs_takes_the_place_of_the_first(tmp_path: Path) -> None:
    for name, inner in (("first", "a/set"), ("second", "set")):
        people = write_people(tmp_path / name / inner, 2 if name == "first" else 3)
        assert unpack_pairs(tmp_path, name) == [pair.name for pair in find_pairs(people)]


def test_a_zip_without_images_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine" / "photos").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"^mine\.zip has no folder images/; zip a folder with images/ and masks/$"):
        unpack_pairs(tmp_path, "mine")


@pytest.fixture
def install_cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the first code cell defines, run in an empty folder, with a pip that asks no index."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    names: dict[str, Any] = {}
    exec(compile(code_cells()[0], "install cell", "exec"), names)
    return names


def test_constraints_hold_numpy_and_torch_at_their_present_versions(install_cell: dict[str, Any]) -> None:
    import numpy
    import torch

    present = install_cell["present"]()
    assert present["numpy"] == numpy.__version__
    assert present["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert "torchvision" in present


def test_a_dry_run_of_pip_installs_bgdl_beside_what_is_there(
    install_cell: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """pip's own resolver, over the packages of this environment, which has all that bgdl needs."""
    planned = install_cell["dry_run"](str(ROOT), "--no-build-isolation")
    install_cell["check_kept"](planned)
    assert set(planned) == {"bgdl"}
    kept = Path("constraints.txt").read_text().splitlines()
    assert kept == [f"{name}=={version}" for name, version in install_cell["present"]().items()]
    assert "pip will install bgdl; numpy, torch, torchvision" in capfd.readouterr().out


def test_a_plan_that_replaces_torch_is_refused(install_cell: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="pip would replace numpy, torch; nothing was installed"):
        install_cell["check_kept"]({"av": "13.0", "torch": "2.5.0", "numpy": "1.26.4"})


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """The notebook, run at its small sizes in an empty folder with an empty home, and that folder's results."""
    folder, home = tmp_path_factory.mktemp("notebook"), str(tmp_path_factory.mktemp("home"))
    settings = {"BGDL_NOTEBOOK_FAST": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    notebook = read()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**settings, "HOME": home, "USERPROFILE": home}.items():
            patch.setenv(name, value)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook, folder


def printed(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(notebook: Any, kind: str) -> list[str]:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom_and_every_step_says_what_came_out(executed: tuple[Any, Path]) -> None:
    notebook, _ = executed
    steps = (
        "No NVIDIA GPU: .*\nEverything runs on the CPU",
        "400×480 px, .* of it subject; written: bgdl-notebook/cutout.png",
        "clip: bgdl-notebook/synth/clip.mkv",
        "24 frames at .* a second on cpu",
        "14 pairs in bgdl-notebook/pairs",
        "report: bgdl-notebook/report/report.html",
        "10 pairs to train on, 4 kept aside",
        "report: bgdl-notebook/report-mine/report.html",
        "bgdl-results.zip: .* files",
    )
    text = printed(notebook)
    assert [step for step in steps if not re.search(step, text)] == []
    assert len(shown(notebook, "image/png")) == 6
    assert sum("<video" in page for page in shown(notebook, "text/html")) == 1
    assert [("grabcut" in table, "mine" in table) for table in shown(notebook, "text/markdown")] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.slow
def test_its_results_are_whole(executed: tuple[Any, Path]) -> None:
    from bgdl import registry

    _, folder = executed
    results = folder / "bgdl-notebook"
    with Image.open(results / "cutout.png") as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", (400, 480))
        low, high = cutout.getchannel("A").getextrema()
    assert (low, high) == (0, 255)
    assert registry.load(results / "mine.safetensors", device="cpu", engine="torch").name == "mine"
    with zipfile.ZipFile(folder / "bgdl-results.zip") as archive:
        names = set(archive.namelist())
    assert {"cutout.png", "cutout.webm", "cutout_alpha.webm", "mine.safetensors", "report/report.html"} <= names
    assert not {name for name in names if name.startswith("pairs/") or name.endswith(".ckpt")}


@pytest.mark.slow
def test_the_network_finds_the_drawn_people(executed: tuple[Any, Path]) -> None:
    """The drawn people are near enough to photographs for the network, and too hard for a threshold."""
    _, folder = executed
    with (folder / "bgdl-notebook" / "report" / "report.json").open(encoding="utf-8") as file:
        (pairs,) = json.load(file)["data"]
    assert pairs["summary"]["portrait"]["pictures"] == 14
    assert pairs["summary"]["portrait"]["iou"]["mean"] > pairs["summary"]["otsu"]["iou"]["mean"] + 0.3
