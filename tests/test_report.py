"""Reports: recipes are strict, every number is a standing's, and the page is one sound file."""

import dataclasses
import hashlib
import html
import json
import os
import random
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from standings import invented, quality, record, run, score, standing, undefined

from harness import shelf
from harness.errors import HarnessError
from harness.record import Measurement
from harness.report import Recipe, read_recipe, render
from harness.report._labels import Box, place
from harness.report._numbers import interval, number, size
from harness.report._svg import Scale
from harness.rules import LATENCY_METRICS
from harness.standings import Standing

HOME = Path(__file__).parent.parent
RECIPES = sorted((HOME / "reports").glob("*.toml"))
TOML = """title = "T"
suites = ["liquid3d"]
sections = ["leaderboard"]
from = "runs"
"""


def recipe(*sections: str, suites: tuple[str, ...] = ("liquid3d", "medmnist2d")) -> Recipe:
    chosen = sections or read_recipe(HOME / "reports/leaderboard.toml").sections
    return Recipe(name="demo", title="Demo", suites=suites, sections=chosen)


def one(*rows: Measurement, model: str = "net", **about: object) -> Standing:
    return standing([record(run("liquid3d", "adrenal", model, 0), rows, **about)])


@dataclasses.dataclass
class Shown:
    """A cell as a reader sees it, and its sort key."""

    key: str
    value: str = ""
    interval: str = ""


class Reader(HTMLParser):
    """The cells of all tables of a page, row by row, its ids, its words, and faults of nesting."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[Shown]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if tag not in self.VOID:
            self.open.append((tag, given.get("class", "")))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append(Shown(given.get("data-sort", "")))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop()[0] != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open and self.open[-1] == ("span", ""):
            self.rows[-1][-1].value += data
        if self.open and self.open[-1] == ("span", "interval"):
            self.rows[-1][-1].interval += data


@pytest.fixture(scope="module")
def page() -> str:
    return render(recipe(), invented(), "html")


@pytest.fixture(scope="module")
def markdown() -> str:
    return render(recipe(), invented(), "md")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_repository_are_sound(path: Path) -> None:
    assert read_recipe(path).name == path.stem


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("title", "titel", "unknown key 'titel'; known: title, suites, sections, from"),
        ('title = "T"\n', "", "must have a key 'title', got suites, sections, from"),
        ('"T"', "3", "title must be a text, got 3"),
        ('["liquid3d"]', '"liquid3d"', "suites must be a list, got 'liquid3d'"),
        ('["liquid3d"]', "[]", "suites must name at least one, each once, got []"),
        ('"leaderboard"', '"leaderbord"', "a section must be a file of report/, got 'leaderbord'"),
        ('"leaderboard"', '"latency", "latency"', "sections must name at least one, each once"),
        ('"runs"', '"run"', "from must be one of baselines, runs, got 'run'"),
        ('"T"', "T", "must be TOML, got"),
    ],
)
def test_a_mistake_in_a_recipe_is_one_sentence(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(HarnessError) as error:
        read_recipe(path)
    assert sentence in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value).split("must be TOML")[0]


def test_an_unknown_section_is_told_the_files_of_the_shelf(tmp_path: Path) -> None:
    path = tmp_path / "demo.toml"
    path.write_text(TOML.replace("leaderboard", "nothing"), encoding="utf-8")
    with pytest.raises(HarnessError, match=r"known: classes, conditions, curves, groups"):
        read_recipe(path)


def test_the_leaderboard_has_every_section() -> None:
    sections = read_recipe(HOME / "reports/leaderboard.toml").sections
    assert sorted(sections) == shelf.names("report")


def test_a_format_that_is_not_known_is_refused() -> None:
    with pytest.raises(HarnessError, match="must be in one of html, md, got 'pdf'"):
        render(recipe(), [], "pdf")


def test_every_value_of_a_standing_is_on_the_page_as_it_is(page: str) -> None:
    cells = [cell for row in Reader(page).rows for cell in row]
    shown = {(cell.value, cell.interval, cell.key) for cell in cells}
    rows = [row for line in invented() for row in line.rows if row.value is not None]
    wanted = [row for row in rows if _is_told(row)]
    assert len(wanted) > 500
    told = [(number(row), interval(row), str(row.value)) for row in wanted]
    assert [row for row in told if row not in shown] == []


def _is_told(row: Measurement) -> bool:
    """Majority rates of all but the first model are drawn, effective counts are a second line."""
    aside = row.metric in ("majority_rate", "parameters_effective") or "variant" in row.where
    return not aside and (row.metric in LATENCY_METRICS or "backend" not in row.where)


def test_a_leaderboard_has_each_number_in_its_place() -> None:
    lines = [one(score("roc_auc", 0.8614, 298), score("brier", 0.1333, 298), model="a")]
    lines += [one(score("roc_auc", 0.7, 298), model="b")]
    header, first, second = Reader(render(recipe("leaderboard"), lines, "html")).rows
    assert [cell.value for cell in first] == ["1", "a", "0.861", "0.133", "seed 0"]
    assert [cell.interval for cell in first] == ["", "", "[0.81, 0.91]", "[0.08, 0.18]", ""]
    assert len(header) == len(first) == len(second)
    assert [cell.key for cell in second][:4] == ["1", "b", "0.7", ""]


def test_markdown_has_the_same_numbers(markdown: str) -> None:
    for line in invented():
        found = [row for row in line.rows if row.metric == "roc_auc" and not row.where]
        assert not found or f"| {number(found[0])}" in markdown


@pytest.mark.parametrize("to", ["html", "md"])
def test_what_is_undefined_is_said_with_its_reason_and_never_zero(to: str) -> None:
    reason = "needs cases of every class; got 12 benign, 0 malignant"
    line = one(undefined("roc_auc", reason, better="higher"), score("accuracy", 0.5, 12))
    text = render(recipe("leaderboard"), [line], to)
    assert "undefined" in text
    assert reason in text
    assert not re.search(r"\b0\.0+\b", text.split("<main")[-1].split("<svg")[0])


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_failed_run_is_listed_with_its_error(to: str) -> None:
    error = "the training loss must be finite, got nan"
    broken = dataclasses.replace(one(status="failed", error=error), rank=None)
    text = render(recipe("leaderboard"), [one(score("roc_auc", 0.7, 9), model="good"), broken], to)
    assert "net" in text
    assert "seed 0 failed" in text
    assert error in text


@pytest.mark.parametrize("to", ["html", "md"])
def test_warnings_are_footnotes_with_their_code(to: str) -> None:
    told = ({"code": "constant-predictor", "message": "every case is decided alike"},)
    text = render(recipe("leaderboard"), [one(score("roc_auc", 0.7, 9), warnings=told)], to)
    assert "constant-predictor: seed 0, every case is decided alike" in text


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_section_with_nothing_to_say_is_absent(to: str) -> None:
    text = render(recipe(), [one(score("roc_auc", 0.7, 9))], to)
    assert "Leaderboard" in text
    for title in ("Classes", "Groups", "Latency", "Training"):
        assert f">{title}</h2>" not in text
        assert f'href="#{title.lower()}"' not in text
        assert f"## {title}" not in text


@pytest.mark.parametrize("to", ["html", "md"])
def test_a_suite_without_records_is_named(to: str) -> None:
    assert "Nothing is known yet of liquid3d, medmnist2d." in render(recipe(), [], to)


def test_names_cannot_break_the_page() -> None:
    name = "<b>|`x`\"'&</td></svg><script>alert(1)</script>"
    line = one(*quality(random.Random(0), 50, (name,)), model=name)
    page = render(recipe(), [dataclasses.replace(line, dataset=name, title=name)], "html")
    reader = Reader(page)
    assert reader.faults == []
    assert name in "".join(reader.text)
    assert page.count("<script>") == 1
    assert "<b>" not in page


def test_the_page_is_balanced_and_its_ids_and_links_are_sound(page: str) -> None:
    reader = Reader(page)
    assert reader.faults == []
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(reader.ids)


def test_nothing_is_fetched(page: str) -> None:
    assert re.findall(r"https?:|file:|url\(|@import|\bsrc=|<link|<iframe", page) == []
    assert set(re.findall(r'href="(.)', page)) == {"#"}


def test_every_drawing_has_words(page: str) -> None:
    drawings = re.findall(r"<svg role=\"img\" aria-labelledby=.*?</svg>", page, re.S)
    assert len(drawings) > 20
    for drawing in drawings:
        assert re.search(
            r"<title id=\"[^\"]+\">[^<]+</title>\s*<desc id=\"[^\"]+\">[^<]+<", drawing
        )
    assert page.count("<svg") == len(drawings) + page.count('class="cell" aria-hidden="true"')


def test_markdown_tables_have_as_many_cells_in_every_line() -> None:
    lines = [one(score("roc_auc", 0.8, 9), model=name) for name in ("a|b", "`a`", "*x*\n_y_")]
    text = render(recipe(), lines, "md")
    tables = re.findall(r"(?:^\|.*\|\n?)+", text, re.M)
    assert len(tables) >= 3
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(counts) == 1
    assert r"a\|b" in text
    assert r"\*x\* \_y\_" in text


def test_the_same_standings_give_the_same_bytes_without_torch(page: str) -> None:
    """In another process, so that neither hash seed nor what is loaded can matter."""
    code = """if True:
        import hashlib, sys
        from standings import invented
        from test_report import recipe
        from harness.report import render
        print(hashlib.sha256(render(recipe(), invented(), "html").encode()).hexdigest())
        print([name for name in ("torch", "pandas", "matplotlib") if name in sys.modules])
    """
    path = os.pathsep.join((str(HOME), str(HOME / "tests")))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split("\n")[:2] == [hashlib.sha256(page.encode()).hexdigest(), "[]"]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Measurement(metric="roc_auc", value=0.8614), "0.861"),
        (Measurement(metric="parity_max_abs", value=6e-8), "6.0e-08"),
        (Measurement(metric="roc_auc", value=0.0), "0.000"),
        (Measurement(metric="roc_auc", value=0.031, kind="difference"), "+0.031"),
        (Measurement(metric="parity_flips", value=0.0, unit="cases"), "0"),
        (Measurement(metric="parameters_total", value=59405.0, unit="parameters"), "59,405"),
        (Measurement(metric="size_bytes", value=678_123.0, unit="bytes"), "678 kB"),
        (Measurement(metric="latency_p50", value=0.0123, unit="s"), "12.3"),
        (Measurement(metric="latency_p50", value=1234.0, unit="ms"), "1,234"),
    ],
)
def test_numbers_read_as_people_write_them(row: Measurement, text: str) -> None:
    assert number(row) == text


def test_bytes_carry_into_the_next_unit() -> None:
    assert [size(value) for value in (512, 999_900, 3_371_000)] == ["512 B", "1 MB", "3.37 MB"]


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("low", "high"), [(0.75, 0.92), (1e-3, 4e5), (31.0, 33.0), (7.0, 7.0)])
def test_a_scale_has_a_few_round_ticks_inside(log: bool, low: float, high: float) -> None:
    scale = Scale.around([low, high], 0, 100, log=log)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert all(0 <= scale(tick) <= 100 for tick in ticks)
    assert 0 < scale(low) <= scale(high) < 100


def test_names_in_a_drawing_do_not_cover_one_another() -> None:
    frame = Box(left=0, top=0, right=330, bottom=240)
    points = [(150.0 + 3 * index, 120.0 + 2 * index) for index in range(6)]
    boxes = place(points, [f"model-{index}" for index in range(6)], frame)
    pairs = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert all(a.overlap(b) == 0 for a, b in pairs)
    assert all(box.overlap(frame) == pytest.approx(box.area) for box in boxes)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FRAMES = {"phone": 360, "desk": 1280}
PROBE = """
const seen = {};
for (const frame of document.querySelectorAll("iframe")) {
  const view = frame.contentWindow, page = frame.contentDocument;
  const table = page.querySelector("table"), header = table.tHead.rows[0].cells[2];
  const orders = [];
  for (let click = 0; click < 2; click++) {
    header.querySelector("button").click();
    const keys = [...table.tBodies[0].rows].map((row) => row.cells[2].dataset.sort);
    orders.push([header.getAttribute("aria-sort"), keys]);
  }
  const small = [];
  for (const part of page.querySelectorAll("body *:not(script, title, desc, caption)")) {
    const words = [...part.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const drawing = part.closest("figure svg");
    const scale = drawing ? drawing.clientWidth / drawing.viewBox.baseVal.width : 1;
    const size = parseFloat(view.getComputedStyle(part).fontSize) * scale;
    if (words && size < 11) small.push(`${part.tagName} ${part.textContent} ${size}`);
  }
  const root = page.documentElement;
  seen[frame.id] = { overflow: root.scrollWidth - root.clientWidth, width: view.innerWidth,
    errors: view.faults, focus: header.querySelector("button").tabIndex, orders, small };
}
document.body.innerHTML = "<pre></pre>";
document.body.firstChild.textContent = JSON.stringify(seen);
"""
WATCH = """<script>var faults = [];
addEventListener("error", (event) => faults.push(event.message));
console.error = (...words) => faults.push(words.join(" "));</script>"""


@pytest.fixture(scope="module")
def seen(page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """What a browser finds on the page at the width of a phone and of a desk."""
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    folder = tmp_path_factory.mktemp("browser")
    inside = html.escape(page.replace("<head>", f"<head>{WATCH}"))
    frames = "".join(
        f'<iframe id="{name}" style="width:{width}px;height:800px;border:0" srcdoc="{inside}">'
        "</iframe>"
        for name, width in FRAMES.items()
    )
    probe = f"<script>addEventListener('load', () => {{ {PROBE} }});</script>"
    (folder / "frames.html").write_text(f"<!doctype html>{frames}{probe}", encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
    quiet = ("--disable-background-networking", "--disable-component-update")
    profile = f"--user-data-dir={folder / 'profile'}"
    where = (folder / "frames.html").as_uri()
    done = subprocess.run(
        [CHROMIUM, *options, *quiet, profile, "--window-size=1400,900", "--dump-dom", where],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.S)
    assert found, done.stderr
    result: dict[str, dict[str, object]] = json.loads(html.unescape(found.group(1)))
    return result


@pytest.mark.parametrize("frame", FRAMES)
def test_a_browser_finds_no_overflow_no_small_text_and_no_error(
    seen: dict[str, dict[str, object]], frame: str
) -> None:
    assert seen[frame]["width"] == FRAMES[frame]
    assert seen[frame]["overflow"] == 0
    assert seen[frame]["small"] == []
    assert seen[frame]["errors"] == []


def test_a_header_sorts_best_first_then_worst_first_and_blanks_last(
    seen: dict[str, dict[str, object]],
) -> None:
    first = next(line for line in invented() if line.suite == "liquid3d")
    lines = [line for line in invented() if line.dataset == first.dataset]
    values = [line.rows[0].value for line in lines if line.rows]
    best = [str(value) for value in sorted(value for value in values if value is not None)][::-1]
    assert seen["desk"]["orders"] == [["descending", [*best, ""]], ["ascending", [*best[::-1], ""]]]
    assert seen["desk"]["focus"] == 0
