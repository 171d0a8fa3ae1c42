"""The GitHub Action and the example workflow: read as YAML, and run as far as a shell can."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import checking
import line
import pytest

HOME = Path(__file__).parent.parent
ACTION, EXAMPLE = HOME / "action.yml", HOME / "docs/ci-example.yml"
EXPRESSION = re.compile(r"\$\{\{ ([^}]*) \}\}")
pytestmark = pytest.mark.skipif(
    not (ACTION.is_file() and shutil.which("bash") and shutil.which("git")),
    reason="needs bash, git and a clone: action.yml is no part of a distribution",
)


def read(lines: list[str], depth: int = 0) -> Any:
    """The little YAML that these files are in: maps, lists of maps, plain, quoted and block text.

    `lines` is emptied from the front as far as they are `depth` deep.
    """
    found: Any = None
    while lines and (not lines[0].strip() or indent(lines[0]) >= depth):
        text = lines.pop(0)
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        assert indent(text) == depth, text
        if text.lstrip().startswith("- "):
            lines.insert(0, f"{' ' * (depth + 2)}{text.lstrip()[2:]}")
            found = [*(found or []), read(lines, depth + 2)]
            continue
        key, _, value = text.strip().partition(":")
        found = {**(found or {}), key: scalar(value.strip(), lines, depth)}
    return found


def scalar(value: str, lines: list[str], depth: int) -> Any:
    if value in ("|", ">-"):
        block = []
        while lines and (not lines[0].strip() or indent(lines[0]) > depth):
            block.append(lines.pop(0))
        cut = indent(block[0])
        return ("\n" if value == "|" else " ").join(text[cut:] for text in block)
    if not value:
        following = next((text for text in lines if text.strip()), "")
        return read(lines, indent(following)) if indent(following) > depth else None
    return value[1:-1] if value[0] == value[-1] == '"' else value


def indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def steps_of(file: Path) -> list[dict[str, Any]]:
    parsed = read(file.read_text(encoding="utf-8").splitlines())
    steps = parsed["runs"]["steps"] if file == ACTION else parsed["jobs"]["gates"]["steps"]
    return list(steps)


def scripts() -> Iterator[Any]:
    for file in (ACTION, EXAMPLE):
        if file.is_file():
            for step in steps_of(file):
                if "run" in step:
                    yield pytest.param(step, id=f"{file.name}: {step['name']}")


@pytest.mark.parametrize("step", list(scripts()))
def test_a_script_is_safe(step: Mapping[str, Any]) -> None:
    script = step["run"]
    assert step["shell"] == "bash"
    assert script.startswith("set -euo pipefail\n")
    assert "${{" not in script, "what others write is given as a variable, never as code"
    assert not re.search(r"(?<!\|)\|(?!\|)", script), "a pipe hides an exit code"
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    used = set(re.findall(r"\$\{?([A-Z_]+)", script))
    known = {"GITHUB_OUTPUT", "GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "GITHUB_ACTION_PATH"}
    assert used <= {*step.get("env", {}), *known, "RUNNER_TEMP", "FETCH_HEAD"}


def test_what_is_named_exists() -> None:
    parsed = read(ACTION.read_text(encoding="utf-8").splitlines())
    assert parsed["runs"]["using"] == "composite"
    steps = {step["id"]: step for step in steps_of(ACTION) if "id" in step}
    values = [step.get("env", {}) | step.get("with", {}) for step in steps_of(ACTION)]
    texts = [text for each in values for text in each.values()]
    texts += [each["value"] for each in parsed["outputs"].values()]
    named = [name for text in texts for name in EXPRESSION.findall(text)]
    inputs = {name.removeprefix("inputs.") for name in named if name.startswith("inputs.")}
    assert inputs == parsed["inputs"].keys()
    for name in set(named) - {f"inputs.{each}" for each in inputs}:
        _, step, _, output = name.split(".")
        assert f'echo "{output}=' in steps[step]["run"]
    assert all("description" in each for each in parsed["inputs"].values())
    [use] = [step for step in steps_of(EXAMPLE) if "imaging-harness" in step.get("uses", "")]
    assert use["with"].keys() <= parsed["inputs"].keys()
    outputs = re.findall(r"steps\.gates\.outputs\.(\w+)", EXAMPLE.read_text(encoding="utf-8"))
    assert set(outputs) <= parsed["outputs"].keys()


@dataclasses.dataclass
class Job:
    """A runner with a repository checked out; `programs` stand in for those of its path."""

    place: Path

    def __post_init__(self) -> None:
        for name in ("work", "temp", "bin"):
            (self.place / name).mkdir()
        self.program("harness", f'exec "{sys.executable}" -P -m harness "$@"')

    @property
    def work(self) -> Path:
        return self.place / "work"

    @property
    def log(self) -> list[str]:
        path = self.place / "log"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []

    def program(self, name: str, script: str) -> None:
        path = self.place / "bin" / name
        path.write_text(f"#!/usr/bin/env bash\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def git(self, *words: str) -> str:
        named = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "gc.auto=0"]
        command = ["git", *named, *words]
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Everything there, as a commit."""
        if not (self.work / ".git").exists():
            self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=m")
        return self.git("rev-parse", "HEAD")

    def run(self, **given: str) -> dict[str, Any]:
        """The action with these inputs: its outputs, what was printed, and the summary."""
        parsed = read(ACTION.read_text(encoding="utf-8").splitlines())
        inputs = {name: each.get("default", "") for name, each in parsed["inputs"].items()}
        inputs |= {"base-ref": "", **{key.replace("_", "-"): each for key, each in given.items()}}
        known = {f"inputs.{name}": value for name, value in inputs.items()}
        said, code = "", 0
        for step in steps_of(ACTION):
            if "run" in step and step["name"] != "Install" and code == 0:
                code, printed = self.step(step, known)
                said += printed
        told = {name: self.told(each["value"], known) for name, each in parsed["outputs"].items()}
        summary = self.place / "summary"
        text = summary.read_text(encoding="utf-8") if summary.is_file() else ""
        return {**told, "exit": code, "said": said, "summary": text}

    def step(self, step: Mapping[str, Any], known: dict[str, str]) -> tuple[int, str]:
        """One script as a runner runs it; what it puts out is added to `known`."""
        output = self.place / "output"
        output.write_text("", encoding="utf-8")
        asked = {name: self.told(text, known) for name, text in step.get("env", {}).items()}
        github = {
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.place / "summary"),
            "GITHUB_WORKSPACE": str(self.work),
            "GITHUB_ACTION_PATH": str(HOME),
            "RUNNER_TEMP": str(self.place / "temp"),
            "LOG": str(self.place / "log"),
            "PATH": f"{self.place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        script = self.place / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.work,
            env={**os.environ, **github, **asked},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for text in output.read_text(encoding="utf-8").splitlines():
            name, _, value = text.partition("=")
            known[f"steps.{step.get('id')}.outputs.{name}"] = value
        return done.returncode, done.stdout

    def told(self, text: str, known: Mapping[str, str]) -> str:
        return EXPRESSION.sub(lambda match: known.get(match[1], ""), text)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """With an empty repository, and no settings of whoever runs the tests."""
    for name in ("HARNESS_DATA", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    return Job(tmp_path)


def test_a_worse_head_fails_beside_its_base(job: Job) -> None:
    checking.write(job.work, {"bright": 20.0})
    base = job.commit()
    line.onnx_file(job.work / "bright.onnx", scale=-20.0, shift=8.0)
    job.commit()
    found = job.run(suite="line", base_ref=base)
    assert (found["exit"], found["code"]) == (1, "1"), found["said"]
    root = xml.parse(found["junit"]).getroot()
    assert [root.get(key) for key in ("tests", "failures", "errors")] == ["1", "1", "0"]
    assert found["summary"].startswith("### harness check line: regressed\n")
    assert found["summary"] == Path(found["markdown"]).read_text(encoding="utf-8")
    assert "base-runs" in found["summary"].splitlines()[2]
    assert len(list(Path(found["runs"]).rglob("record.json"))) == 1
    assert job.git("worktree", "list").count("\n") == 0
    assert job.git("status", "--porcelain") == ""


@pytest.mark.parametrize("left", [True, False])
def test_a_head_that_repairs_its_base_can_pass(job: Job, left: bool) -> None:
    checking.write(job.work, {"bright": 20.0})
    wrong = job.work / ("bright.onnx" if left else "suites/line.toml")
    good = wrong.read_bytes()
    wrong.write_text("wrong", encoding="utf-8")
    base = job.commit()
    wrong.write_bytes(good)
    job.commit()
    found = job.run(suite="line", base_ref=base)
    assert (found["exit"], found["code"]) == (0, "0"), found["said"]
    said, _, reason = found["summary"].partition("\n\n~~~\nharness: ")
    assert said.startswith("The base could not be measured: ")
    assert ("bright.onnx must be" if left else "line.toml must be") in reason
    assert "accepted records in baselines" in reason


FAKE = """
printf '%s\\n' "$PWD: $*" >> "$LOG"
if [ "$1" = run ]; then
  code="${HEAD:-0}" made=""
  case "$*" in *base-runs*) code="${BASE:-0}" made="${MADE-ok}" ;; esac
  for status in $made; do
    mkdir -p "$4/$status"
    printf '{\\n "status": "%s"\\n}\\n' "$status" > "$4/$status/record.json"
  done
  [ "$code" -eq 0 ] || printf 'more\\nharness: it broke\\n' >&2
  exit "$code"
fi
while [ "$1" != --markdown ]; do shift; done
echo '### told' > "$2"
exit "${CHECK:-0}"
"""


@pytest.fixture
def fake(job: Job) -> Job:
    """With a harness that only writes down what it was asked, and two commits."""
    job.program("harness", FAKE)
    for name in ("suites", "data", "runs of base"):
        (job.work / name).mkdir()
        (job.work / name / "mine.toml").write_text("1", encoding="utf-8")
    job.commit()
    (job.work / "suites/mine.toml").write_text("2", encoding="utf-8")
    job.commit()
    return job


class TestPlumbing:
    """Which commands are run, where, and what comes of their exit codes."""

    def asked(self, job: Job) -> list[str]:
        """What the harness was asked, with the place of this job as `@`."""
        return [re.sub(r"\S*/temp/harness\.\w+", "@", each) for each in job.log]

    def test_base_and_head_are_run_and_held_against_each_other(self, fake: Job) -> None:
        found = fake.run(suite="mine", base_ref="HEAD~1")
        files = "--junit @/junit.xml --markdown @/check.md"
        assert self.asked(fake) == [
            "@/base: run mine --out @/base-runs",
            f"{fake.work}: run mine --out @/runs",
            f"{fake.work}: check mine --runs @/runs {files} --against @/base-runs "
            "--base @/base-runs",
        ]
        assert (found["exit"], found["code"], found["summary"]) == (0, "0", "### told\n")

    def test_every_option_reaches_both_sides(self, fake: Job) -> None:
        options = {
            "against": "published",
            "strict": "true",
            "data": "data",
            "working_directory": ".",
        }
        fake.run(
            suite="suites/mine.toml", base_ref="HEAD~1", args="--model a*\n--seed 0", **options
        )
        base, head, check = self.asked(fake)
        shared = f" --data {fake.work}/data --model a* --seed 0"
        assert base.endswith(f": run suites/mine.toml --out @/base-runs{shared}")
        assert head.endswith(f": run suites/mine.toml --out @/runs{shared}")
        assert check.endswith(f" --against published --base @/base-runs --strict{shared}")

    def test_without_a_base_accepted_records_are_meant(self, fake: Job) -> None:
        found = fake.run(suite="mine")
        assert "::notice::There is no base" in found["said"]
        head, check = self.asked(fake)
        assert head.endswith(": run mine --out @/runs")
        assert check.endswith("--markdown @/check.md")

    def test_a_new_suite_has_no_base(self, fake: Job) -> None:
        (fake.work / "suites/other.toml").write_text("1", encoding="utf-8")
        found = fake.run(suite="other", base_ref="HEAD")
        assert "::notice::suites/other.toml is new" in found["said"]
        assert len(fake.log) == 2
        assert "--base" not in fake.log[1]
        assert fake.git("worktree", "list").count("\n") == 0

    @pytest.mark.parametrize("made", ["", "failed", "ok failed", "partial failed"])
    def test_a_base_of_which_nothing_was_measured_is_none(
        self, fake: Job, made: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BASE", "2")
        monkeypatch.setenv("MADE", made)
        found = fake.run(suite="mine", base_ref="HEAD~1")
        check = self.asked(fake)[-1]
        assert "harness: it broke" in found["said"]
        assert fake.git("worktree", "list").count("\n") == 0
        some = made in ("ok failed", "partial failed")
        assert check.endswith(" --against @/base-runs --base @/base-runs") == some
        assert ("--against" in check) == some
        assert ("::warning::The base could not be measured as a whole" in found["said"]) == some
        said = "The base could not be measured: records are held against accepted ones."
        reason = f"{said}\n\n~~~\nharness: it broke\n~~~\n\n"
        assert found["summary"] == ("" if some else reason) + "### told\n"

    @pytest.mark.parametrize("below", ["", "deep/er"])
    def test_a_clone_below_the_workspace(self, fake: Job, below: str) -> None:
        for name in ("suites", "data"):
            place = fake.work / below / name
            place.mkdir(parents=True, exist_ok=True)
            (place / "mine.toml").write_text("3", encoding="utf-8")
        base = fake.commit() if below else "HEAD~1"
        inner = fake.work.rename(fake.place / "repo")
        fake.work.mkdir()
        inner = inner.rename(fake.work / "repo")
        (fake.work / "kept").mkdir()
        directory = f"repo/{below}".rstrip("/")
        found = fake.run(suite="mine", base_ref=base, working_directory=directory, against="kept")
        first, head, check = self.asked(fake)
        assert first.rstrip("/").startswith(f"@/base{'/' if below else ''}{below}"), found["said"]
        assert head.startswith(f"{fake.work}/{directory}: run")
        assert check.endswith(f" --against {fake.work}/kept --base @/base-runs")

    def test_runs_that_are_there_are_not_made_again(self, fake: Job) -> None:
        fake.run(suite="mine", base_ref="HEAD~1", base_runs="runs of base")
        _, check = self.asked(fake)
        place = fake.work / "runs of base"
        assert check.endswith(f"--against {place} --base {place}")

    def test_a_base_that_is_not_here_is_fetched(self, fake: Job) -> None:
        fake.work.rename(fake.place / "origin")
        command = ["git", "clone", "--quiet", "--depth=1", f"file://{fake.place}/origin"]
        subprocess.run([*command, str(fake.work)], check=True, capture_output=True)
        origin = ["git", "-C", str(fake.place / "origin"), "branch", "release", "HEAD~1"]
        subprocess.run(origin, check=True)
        found = fake.run(suite="mine", base_ref="release")
        assert (found["exit"], len(fake.log)) == (0, 3), found["said"]

    @pytest.mark.parametrize(
        ("base", "head", "check", "code"),
        [
            *((0, 0, code, code) for code in (0, 1, 2, 3, 4)),
            (2, 0, 0, 0),
            (0, 2, 0, 2),
            (0, 2, 1, 1),
        ],
    )
    def test_no_exit_code_is_lost(
        self,
        fake: Job,
        base: int,
        head: int,
        check: int,
        code: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for name, value in (("BASE", base), ("HEAD", head), ("CHECK", check)):
            monkeypatch.setenv(name, str(value))
        found = fake.run(suite="mine", base_ref="HEAD~1")
        assert (found["exit"], found["code"]) == (code, str(code))
        assert found["summary"] == "### told\n"
        assert ("::warning::The base could not" in found["said"]) == bool(base)
        assert ("::error::The head could not" in found["said"]) == (head and not check)

    @pytest.mark.parametrize("wrong", [{"base_ref": "nowhere"}, {"data": "no"}, {"base_runs": "x"}])
    def test_a_wrong_input_stops_the_job(self, fake: Job, wrong: Mapping[str, str]) -> None:
        found = fake.run(suite="mine", **{"base_ref": "HEAD~1", **wrong})
        assert (found["exit"] != 0, found["code"], fake.log) == (True, "", [])

    @pytest.mark.parametrize(
        ("install", "asked"), [("", [str(HOME)]), ("-c a.txt\nx==1", ["-c", "a.txt", "x==1"])]
    )
    def test_what_is_installed(self, fake: Job, install: str, asked: list[str]) -> None:
        fake.program("python", 'printf "%s\\n" "$@" >> "$LOG"')
        [step] = [each for each in steps_of(ACTION) if each["name"] == "Install"]
        code, _ = fake.step(step, {"inputs.install": install})
        assert (code, fake.log) == (0, ["-m", "pip", "install", "--quiet", *asked])

    def test_the_commands_of_the_document(self, fake: Job) -> None:
        text = (HOME / "docs/ci.md").read_text(encoding="utf-8")
        [commands] = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        fake.git("update-ref", "refs/remotes/origin/main", "HEAD~1")
        code, said = fake.step({"run": f"set -euo pipefail\n{commands}"}, {})
        files = "--junit junit.xml --markdown check.md"
        assert (code, fake.log) == (
            0,
            [
                f"{fake.place}/base: run mine --out ../base-runs",
                f"{fake.work}: run mine",
                f"{fake.work}: check mine --against ../base-runs --base ../base-runs {files}",
            ],
        ), said

    @pytest.mark.parametrize("there", [True, False])
    def test_the_example_comments_once(self, fake: Job, there: bool) -> None:
        answer = "'12\\n13\\n'" if there else "''"
        fake.program("gh", f'echo "$*" >> "$LOG"; case "$*" in *--jq*) printf {answer} ;; esac')
        code, said = fake.step(comment(), self.told(fake))
        to = "PATCH -F body=@{} repos/o/r/issues/comments/12"
        to = to if there else "POST -F body=@{} repos/o/r/issues/7/comments"
        body = fake.place / "temp/comment.md"
        assert (code, fake.log[1:]) == (0, [f"api --silent --method {to.format(body)}"]), said
        assert fake.log[0].endswith(" repos/o/r/issues/7/comments")
        assert body.read_text(encoding="utf-8") == "<!-- harness mine -->\n### told\n"

    @pytest.mark.skipif(not shutil.which("jq"), reason="needs jq")
    @pytest.mark.parametrize(
        ("login", "body", "ours"),
        [
            ("github-actions[bot]", "<!-- harness mine -->\n### told", True),
            ("github-actions[bot]", "<!-- harness other -->\n### told", False),
            ("github-actions[bot]", "", False),
            ("somebody", "<!-- harness mine -->\n### told", False),
        ],
    )
    def test_the_example_knows_its_own_comment(
        self, fake: Job, login: str, body: str, ours: bool
    ) -> None:
        comments = [{"id": 11, "user": {"login": "else"}, "body": "x"}]
        comments.append({"id": 12, "user": {"login": login}, "body": body})
        (fake.work / "all.json").write_text(json.dumps(comments), encoding="utf-8")
        fake.program(
            "gh", 'echo "$*" >> "$LOG"; case "$*" in *--jq*) exec jq -r "$4" all.json ;; esac'
        )
        code, said = fake.step(comment(), self.told(fake))
        assert (code, "PATCH" in fake.log[-1]) == (0, ours), said

    def told(self, fake: Job) -> dict[str, str]:
        markdown = fake.place / "a b.md"
        markdown.write_text("### told\n", encoding="utf-8")
        return {
            "github.repository": "o/r",
            "github.event.pull_request.number": "7",
            "steps.gates.outputs.markdown": str(markdown),
        }


def comment() -> dict[str, Any]:
    """The step of the example that comments."""
    [step] = [each for each in steps_of(EXAMPLE) if "run" in each]
    return step


def test_the_example_asks_for_no_more_than_it_may_do() -> None:
    steps = {step.get("name"): step for step in steps_of(EXAMPLE)}
    assert steps["Tell the pull request"]["if"] == (
        "always() && steps.gates.outputs.markdown != '' "
        "&& github.event.pull_request.head.repo.full_name == github.repository "
        "&& github.actor != 'dependabot[bot]'"
    )
    assert steps["Keep the records"]["if"] == "always() && steps.gates.outputs.runs != ''"
    [use] = [step["with"]["suite"] for step in steps.values() if step.get("id") == "gates"]
    assert comment()["env"]["MARK"] == f"<!-- harness {use} -->"
