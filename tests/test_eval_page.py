"""report.html: what it shows, and that a browser without a network sorts, enlarges and fits a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from bgdl.evaluation import gallery, plots, table
from bgdl.evaluation.protocol import Rules, make_plan
from bgdl.evaluation.records import Store
from bgdl.evaluation.report import build, write_all
from bgdl.evaluation.runner import Runner
from bgdl.evaluation.sources import open_sources
from tests.eval_data import Bright, make_pairs

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LABELS = ("bright", "all <b>", "worse")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three methods on four pictures, one of them broken."""
    root = tmp_path_factory.mktemp("page")
    data = make_pairs(root / "set", 4)
    (data / "images" / "003.png").write_bytes(b"")
    plan = make_plan([str(data)], LABELS, Rules())
    matters = {label: Bright(label, above=above) for label, above in zip(LABELS, (128, -1, 30), strict=True)}
    sources = open_sources(plan.data, plan.rules)
    store = Store(root / "out", {"methods": {}})
    list(Runner(matters, plan.rules, store, root / "out" / "mattes").run(sources))
    records = store.pictures(LABELS)
    write_all(build(plan, matters, sources, records, version="0"), records, sources, plan.rules, root / "out")
    return root / "out"


@pytest.fixture
def page(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


class Reader(HTMLParser):
    """Every attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def test_the_page_needs_no_network(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert len(reader.loads) == 3 * (2 + 3 * 2)  # three pictures: input and truth, matte and difference of each
    assert all(value.startswith("data:image/webp;base64,") for value in reader.loads)
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|url\(|@import", page)


def test_the_page_says_everything(page: str) -> None:
    assert page.count("<svg") == 2
    assert "all &lt;b&gt;" in page
    assert "<b>all" not in page
    assert "<b>1.000</b>" in page  # the best IoU; three pictures have no interval
    assert "1 left out" in page
    assert "003.png is empty" in page
    assert "$" not in re.sub(r"base64,\S+", "", page)


def test_the_worst_come_first(folder: Path) -> None:
    page = (folder / "report.html").read_text("utf-8")
    assert "The 3 worst of bright" in page
    assert re.findall(r"<h4>(\d+), IoU", page) == ["000", "001", "002"]


def test_every_figure_has_the_methods_in_the_tables_order(page: str) -> None:
    captions = re.findall(r"<figcaption>([^<]+)<br>", page)
    assert captions == [*re.findall(r"<tr><td data-value=''>(?:<b>)?([^<]+)", page)[:3]] * 3


def test_difference_shows_too_much_red_and_missing_blue() -> None:
    alpha, truth = torch.tensor([[1.0, 0.0, 1.0, 0.0]]), torch.tensor([[0.0, 1.0, 1.0, 0.0]])
    red, blue, subject, ground = gallery.difference(alpha, truth)[0].tolist()
    assert red[0] > 200 > red[2]
    assert blue[2] > 200 > blue[0]
    assert subject == [220] * 3
    assert ground == [20] * 3


def test_plots_hold_every_method() -> None:
    values = {"a<": [0.1, 0.9], "b": [0.5]}
    drawn = plots.distribution(values) + plots.speed_quality({"a<": (0.5, 0.1), "b": (2000, 0.9)})
    assert drawn.count("a&lt;</text>") == 2
    assert drawn.count("<circle") == 2
    assert plots.speed_quality({}) == ""


TEXT = re.compile(r'<text x="([-\d.]+)" y="([\d.]+)" text-anchor="(\w+)"><title>(.*?)</title>(.*?)</text>')
DOT = re.compile(r'<circle cx="([\d.]+)" cy="([\d.]+)"')


@pytest.mark.parametrize("at", [(10, 0.5), (0.1, 0.0), (900, 1.0)])
def test_labels_of_near_dots_overlap_neither_each_other_nor_a_dot(at: tuple[float, float]) -> None:
    labels = ("portrait", "portrait:edge=guided", "portrait:edge=guided:smooth=ema", "otsu", "w" * 90)
    drawn = plots.speed_quality({"far": (30, 0.4), **dict.fromkeys(labels, at)})
    boxes = []
    for x, y, anchor, _, shown in TEXT.findall(drawn):
        width = plots.LETTER * len(shown)
        start = float(x) - (width if anchor == "end" else 0)
        assert start >= 0 and start + width <= plots.WIDTH
        boxes.append((start, float(y) - 4, start + width))
    dots = [(float(x), float(y)) for x, y in DOT.findall(drawn)]
    assert (len(boxes), len(dots)) == (6, 6)
    for number, (start, y, end) in enumerate(boxes):
        assert all(abs(y - b) >= 15 or end < a or c < start for a, b, c in boxes[:number])
        assert all(abs(y - b) >= 12 or not start - 5 < a < end + 5 for a, b in dots)


def test_long_labels_keep_both_ends_and_are_whole_under_the_pointer() -> None:
    label = "portrait:edge=guided:" + "size=320:" * 10 + "smooth=ema"
    for drawn in (plots.distribution({label: [0.5]}), plots.speed_quality({label: (10, 0.5)})):
        ((*_, whole, shown),) = TEXT.findall(drawn)
        assert whole == label and re.fullmatch(r"portrait.*….*smooth=ema", shown)


def test_a_method_without_a_time_leaves_the_others_their_colours() -> None:
    both = plots.distribution({"theirs": [0.9], "otsu": [0.2]})
    assert plots.colour(1) in both and plots.colour(1) in plots.speed_quality({"otsu": (1, 0.2)}, ["theirs", "otsu"])


def test_equal_figures_are_all_best() -> None:
    summary = {label: {"pictures": 2, "iou": {"mean": mean, "low": 0.4, "high": 0.6}} for label, mean in
               {"a": 0.5001, "b": 0.5, "c": 0.4}.items()}  # fmt: skip
    made = table.make_table({"summary": summary, "paired": {}}, "a")
    assert [row[1].best for row in made.rows] == [True, True, False]
    assert table.markdown(made).splitlines()[2] == "| a | **0.500 ±0.100** | – | 2 |"


PROBE = """
<script>
addEventListener("load", () => {
  const table = document.querySelector("table");
  const names = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
  const found = {start: names()};
  const buttons = [...table.querySelectorAll("thead button")];
  const mae = buttons.find((button) => button.textContent.startsWith("MAE"));
  mae.click(); found.down = names(); mae.click(); found.up = names();
  found.aria = mae.closest("th").getAttribute("aria-sort");
  document.querySelector("figure img").click();
  const dialog = document.querySelector("dialog");
  found.open = dialog.open; found.caption = dialog.querySelector("p").textContent;
  found.decoded = dialog.querySelector("img").naturalWidth;
  dialog.querySelector("img").click(); found.large = dialog.querySelector("img").className;
  dialog.querySelector("button").click(); found.closed = !dialog.open;
  found.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  found.width = innerWidth;
  document.title = JSON.stringify(found);
});
</script>
"""


def dump(page: Path, profile: Path, *flags: str) -> str:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=2000", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
def test_in_a_browser_it_sorts_and_enlarges(folder: Path, tmp_path: Path) -> None:
    import json
    from html import unescape

    probed = tmp_path / "probed.html"
    probed.write_text((folder / "report.html").read_text("utf-8").replace("</body>", PROBE + "</body>"), "utf-8")
    dom = dump(probed, tmp_path / "profile", "--window-size=1200,900", "--dump-dom")
    found = json.loads(unescape(re.search(r"<title>(.*?)</title>", dom)[1]))
    assert found["start"] == ["bright", "worse", "all <b>"]
    assert found["down"] == ["all <b>", "worse", "bright"]
    assert found["up"] == ["bright", "worse", "all <b>"]
    assert (found["aria"], found["open"], found["large"], found["closed"]) == ("ascending", True, "large", True)
    assert found["caption"] == "000, IoU 1.000: input"
    assert found["decoded"] == 48
    assert found["overflow"] == 0


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
def test_on_a_phone_only_tables_and_rows_scroll(folder: Path, tmp_path: Path) -> None:
    """The page in a frame of a phone's width: nothing but what may scroll is wider."""
    frame = tmp_path / "phone.html"
    (tmp_path / "report.html").write_text((folder / "report.html").read_text("utf-8"), "utf-8")
    script = (
        "const f = document.querySelector('iframe'); f.onload = () => { const d = f.contentDocument.documentElement;"
        "document.title = d.clientWidth + ' ' + d.scrollWidth; };"
    )
    frame.write_text(
        f"<iframe width=390 height=800 style='border:0' src=report.html></iframe><script>{script}</script>"
    )
    dom = dump(frame, tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom")
    shown, whole = map(int, re.search(r"<title>(\d+) (\d+)</title>", dom).groups())
    assert shown <= 390
    assert whole == shown
