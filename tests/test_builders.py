"""A network of one's own package: checked before it is imported, trained again if it changes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import line
import numpy as np
import own
import pytest
import tiny

from harness import builders, reading
from harness.errors import HarnessError
from harness.verbs._scope import ALL, Scope, open_scope
from harness.verbs.plan import planned

ARCH = '''
"""A network that sees brightness."""

import mynet.sizes
from torch import nn

from . import layers
from .heads.linear import top
from ..mynet.scale import SCALE


def build(shape, outputs, depth: int = 1, *, hidden: "int", dropout: float = 0.0):
    return nn.Sequential(layers.brightness(), top(outputs))
'''
FILES = {
    "__init__.py": '"""Ours."""\n',
    "arch.py": ARCH.replace("from ..mynet.scale", "from mynet.scale"),
    "layers.py": (
        "import numpy\nimport torch\nfrom torch import nn\n\nfrom . import deep\n\n\n"
        "class Brightness(nn.Module):\n"
        "    def forward(self, image):\n"
        "        return deep.SLOPE * image.flatten(1).max(dim=1, keepdim=True).values\n\n\n"
        "def brightness():\n    return Brightness()\n"
    ),
    "deep.py": "from mynet import arch\n\nSLOPE = 1.0\n",
    "sizes.py": "WIDTH = 4\n",
    "scale.py": "SCALE = 1\n",
    "heads/__init__.py": "",
    "heads/linear.py": (
        "from torch import nn\n\nfrom ..names import NAME\n\n\n"
        "def top(outputs):\n    return nn.Linear(1, outputs)\n"
    ),
    "names.py": 'NAME = "mynet"\n',
    "other.py": "from mynet import arch\n",
}
MINE = '[models.mine]\nbuild = "mynet.arch:build"\nargs = { hidden = 3 }\n'
STEPS = ["fit", "export", "predict", "score", "time"]


@pytest.fixture(autouse=True)
def _nobody_knows_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a package of its own, in the current folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget()
    yield
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "mynet"]:
        del sys.modules[name]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package, and we are there."""
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        write(name, text)
    return tmp_path


def write(name: str, text: str) -> None:
    path = Path("mynet", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def refusal(build: str, args: str = "{ hidden = 3 }") -> str:
    """The sentence, less its place."""
    tiny.suite(f'[models.mine]\nbuild = "{build}"\nargs = {args}')
    with pytest.raises(HarnessError) as caught:
        reading.load("tiny")
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix("suites/tiny.toml: models.mine")


# What may be set


@pytest.mark.parametrize("text", ["raise RuntimeError", "import nobody_has_this", "import torch"])
def test_a_suite_is_checked_without_an_import(here: Path, text: str) -> None:
    write("__init__.py", "raise RuntimeError\n")
    write("arch.py", f"{text}\n{FILES['arch.py']}")
    tiny.suite(MINE)
    assert reading.load("tiny").models["mine"].args == {"hidden": 3}
    assert "mynet" not in sys.modules
    sentence = ".args: unknown argument 'hiden'; known: depth, dropout, hidden"
    assert refusal("mynet.arch:build", "{ hiden = 3 }") == sentence


def test_neither_torch_nor_the_package_is_imported(here: Path) -> None:
    tiny.suite(MINE)
    code = (
        "import sys\nfrom harness import reading\nreading.load('tiny')\n"
        "print({'torch', 'numpy.random', 'mynet', 'mynet.arch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize(
    ("definition", "args", "sentence"),
    [
        ("shape, outputs", "{}", ""),
        ("shape, outputs", "{ a = 1 }", ".args: unknown argument 'a'; known: none"),
        ("shape, outputs, a", "{}", ".args must have 'a', got []"),
        ("shape, outputs, a: int", "{ a = 1 }", ""),
        ("shape, outputs, a: int", "{ a = 1.5 }", ".args.a must be an integer, got 1.5"),
        ("shape, outputs, a=1, *, b: int", "{ a = 'x', b = 2 }", ""),
        ("shape, outputs, a=1, *, b: int", "{ a = 2 }", ".args must have 'b', got ['a']"),
        ("shape, outputs, /, a: int", "{ a = 1 }", ""),
        ("shape, outputs, /, a: int = 2", "{ a = 'x' }", ".args.a must be an integer, got 'x'"),
        (
            "shape, outputs, a: int = 1",
            "{ shape = 1 }",
            ".args: unknown argument 'shape'; known: a",
        ),
        ("shape, outputs=1, a=1", "{}", ""),
        ("shape, outputs, **others", "{ a = [1], b = 'x' }", ""),
        ("*anything, **others", "{ a = 1 }", ""),
        ("shape, outputs, a: 'list[int]' = ()", "{ a = [1] }", ""),
    ],
)
def test_arguments_are_those_of_the_function(
    here: Path, definition: str, args: str, sentence: str
) -> None:
    write("arch.py", f"def build({definition}):\n    raise RuntimeError\n")
    tiny.suite(f'[models.mine]\nbuild = "mynet.arch:build"\nargs = {args}')
    if sentence:
        assert refusal("mynet.arch:build", args).startswith(sentence)
    else:
        assert "mine" in reading.load("tiny").models


WANTED = ".build must name a file of models/ or module:function of an importable package, got "


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        ("mynet.arch", ".build must be a file of models/, got 'mynet.arch'; known: "),
        ("mynet.arch:", f"{WANTED}'mynet.arch:'"),
        (":build", f"{WANTED}':build'"),
        ("mynet.arch:build:x", f"{WANTED}'mynet.arch:build:x'"),
        ("my-net.arch:build", f"{WANTED}'my-net.arch:build'"),
        ("../mynet/arch.py:build", f"{WANTED}'../mynet/arch.py:build'"),
        (".arch:build", f"{WANTED}'.arch:build'"),
        ("mynet.nope:build", f"{WANTED}'mynet.nope', which is neither below "),
        ("nobody_has_this:build", f"{WANTED}'nobody_has_this', which is neither below "),
        ("sys:exit", f"{WANTED}'sys', which is neither below "),
        ("mynet.arch:bild", ".build: mynet.arch must define a function bild, got none"),
        ("mynet.arch:SCALE", ".build: mynet.arch must define a function SCALE, got none"),
        ("mynet:build", ".build: mynet must define a function build, got none"),
        ("mynet.broken:build", "mynet.broken must be Python, got '(' was never closed (broken.py"),
    ],
)
def test_a_builder_that_is_not_there_is_one_sentence(here: Path, build: str, sentence: str) -> None:
    write("broken.py", "def build(shape, outputs:\n")
    assert refusal(build).startswith(sentence)


# Whose code counts


def digest() -> str:
    return builders.digest("mynet.arch:build")["outside"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("arch.py", "top(outputs)", "top(outputs )"),
        ("arch.py", "brightness.", "brightness, only."),
        ("arch.py", "import mynet.sizes", "# widths\nimport mynet.sizes"),
        ("deep.py", "SLOPE = 1.0", "SLOPE = (1.0)  # steep\n"),
        ("other.py", "arch", "arch, sizes"),
    ],
)
def test_what_changes_no_code_changes_nothing(here: Path, file: str, old: str, new: str) -> None:
    before, text = digest(), FILES[file]
    assert old in text
    write(file, text.replace(old, new))
    assert digest() == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("arch.py", "depth: int = 1", "depth: int = 2"),
        ("layers.py", "max", "amax"),
        ("deep.py", "1.0", "2.0"),
        ("sizes.py", "4", "5"),
        ("scale.py", "1", "2"),
        ("heads/__init__.py", "", "WIDE = True"),
        ("heads/linear.py", "Linear(1,", "LazyLinear("),
        ("names.py", "mynet", "ournet"),
        ("__init__.py", '"""Ours."""', "import torch"),
    ],
)
def test_whatever_is_imported_of_the_package_counts(
    here: Path, file: str, old: str, new: str
) -> None:
    before, text = digest(), FILES[file]
    assert old in text
    write(file, text.replace(old, new) if old else new)
    assert digest() != before


@pytest.mark.parametrize("mark", ["\ufeff", "# -*- coding: latin-1 -*-\n"])
def test_a_file_may_say_its_encoding(here: Path, mark: str) -> None:
    before = digest()
    write("arch.py", mark + FILES["arch.py"])
    assert digest() == before


def test_a_broken_file_of_the_package_is_one_sentence(here: Path) -> None:
    write("deep.py", "SLOPE = = 1.0\n")
    with pytest.raises(HarnessError, match=r"^mynet\.deep must be Python, got .* line 1\)$"):
        digest()


def test_a_package_itself_is_a_module(here: Path) -> None:
    write("__init__.py", "from .arch import build as inner\n\ndef build(shape, outputs): ...\n")
    before = builders.digest("mynet:build")
    write("sizes.py", "WIDTH = 5\n")
    assert builders.digest("mynet:build") != before


def test_a_file_of_models_has_no_code_outside() -> None:
    assert builders.digest("slice_cnn") == builders.digest(None) == {}
    assert builders.sources("slice_cnn") == ["models.slice_cnn"]
    assert builders.sources("mynet.arch:build") == []


@pytest.mark.parametrize("name", ["mynet.nope:build", "mynet arch:build"])
def test_a_builder_that_went_is_one_sentence(here: Path, name: str) -> None:
    with pytest.raises(HarnessError, match=r"^build must name a file of models/ or "):
        builders.load(name)


# What is built


def test_what_is_built_is_what_the_function_gives(here: Path) -> None:
    write("arch.py", f"{FILES['arch.py']}\n\ndef to_onnx(module, shape): ...\n")
    builder = builders.load("mynet.arch:build")
    arch = sys.modules["mynet.arch"]
    assert (builder.build, builder.to_onnx) == (arch.build, arch.to_onnx)  # type: ignore[attr-defined]
    assert builders.load("slice_cnn").to_onnx is None
    assert builders.load("liquid").to_onnx is not None


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("raise ValueError('too deep')", "ValueError: too deep"),
        ("import nobody_has_this", "ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("del build", "AttributeError: module 'mynet.arch' has no attribute 'build'"),
    ],
)
def test_what_cannot_be_imported_is_one_sentence(here: Path, text: str, got: str) -> None:
    write("arch.py", f"{FILES['arch.py']}\n\n{text}\n")
    with pytest.raises(HarnessError) as caught:
        builders.load("mynet.arch:build")
    assert str(caught.value) == f"mynet.arch must be importable and have build, got {got}"


# The whole line


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ran in a folder that nothing but its being current makes importable."""
    folder = tmp_path_factory.mktemp("user")
    own.save(folder / "lesions.npz")
    split = "split = { test = 0.3, val = 0.3 }"
    own.suite(folder, own.dataset("lesions", split), MINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, text in FILES.items():
            write(name, text)
    words = ["run", "own.toml", "--data", ".", "--json", "--quiet", "--device", "cpu"]
    command = [sys.executable, "-P", "-m", "harness", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    [found] = json.loads(done.stdout.splitlines()[-1])["records"]
    assert found["status"] == "ok"
    return folder


@pytest.fixture
def there(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for a test to change, and we are there."""
    folder = Path(shutil.copytree(original, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


def opened() -> Scope:
    return open_scope("own.toml", ALL, Path(), Path("runs"))


def todo() -> list[str]:
    stale: list[str] = planned(opened()).data["runs"][0]["stale"]
    return stale


def test_the_command_finds_what_is_in_the_current_folder(there: Path) -> None:
    record = line.record(opened())
    found = record.find("parameters_trainable")
    assert found is not None
    assert found.value == 2
    assert todo() == []
    assert "mynet" not in sys.modules


def test_the_exported_file_is_its_network(there: Path) -> None:
    import onnxruntime
    from safetensors.numpy import load_file

    folder = opened().folder(opened().runs[0])
    weights = load_file(folder / "weights.safetensors")
    slope, shift = (float(weights[f"1.{name}"].squeeze()) for name in ("weight", "bias"))
    images = np.load("lesions.npz")["image"][:, None].astype(np.float32) / np.float32(255)
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    [found] = session.run(None, {"image": images})
    logits = slope * images.max(axis=(1, 2, 3, 4)) + shift
    np.testing.assert_allclose(found[:, 0], 1 / (1 + np.exp(-logits)), rtol=1e-5)


def test_a_comment_is_no_other_network_and_code_is(there: Path) -> None:
    before = opened().folder(opened().runs[0])
    write("layers.py", "# brightness is all\n" + FILES["layers.py"])
    assert todo() == []
    write("deep.py", FILES["deep.py"].replace("1.0", "2.0"))
    assert todo() == STEPS
    assert opened().folder(opened().runs[0]) != before


@pytest.mark.parametrize(
    ("top", "error"),
    [
        ("nn.Linear(1, outputs + 1)", "models.mine must give (2, 1) logits for 2 images, got (2, "),
        ("shape / 0", "NameError: name 'shape' is not defined"),
    ],
)
def test_a_network_that_does_not_fit_is_a_failed_record(there: Path, top: str, error: str) -> None:
    write("heads/linear.py", f"from torch import nn\n\n\ndef top(outputs):\n    return {top}\n")
    scope, answer = line.measure("own.toml", Path("runs"))
    record = line.record(scope)
    assert (answer.code, record.status) == (2, "failed")
    assert record.error is not None
    assert record.error.startswith(error)
