"""Mapping files are read from a folder as any editor writes them, and nothing there crashes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bridge.errors import MappingFilesError
from bridge.load import Loaded, load, strict

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository's mapping files, shown by short names."""
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mappings"


def told(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.checked.problems]


def test_the_files_of_the_repository_are_right(loaded):
    assert told(loaded) == []
    assert {"shopify", "woocommerce", "saleor"} <= set(loaded.checked.sources)


def test_a_folder_without_sources_is_told_with_the_variable_that_names_it(tmp_path):
    (problem,) = load(tmp_path).checked.problems

    assert "found no folder 'sources' in it" in problem.message
    assert "BRIDGE_MAPPINGS" in problem.message


def test_problems_are_raised_all_together(folder):
    for name in ("shopify", "saleor"):
        (folder / f"sources/{name}.toml").write_text("platform =")

    with pytest.raises(MappingFilesError) as caught:
        strict(load(folder))

    assert {problem.file for problem in caught.value.problems} == {
        "mappings/sources/shopify.toml",
        "mappings/sources/saleor.toml",
    }


@pytest.mark.parametrize(
    "rewrite",
    [
        pytest.param(lambda text: b"\xef\xbb\xbf" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace(b"\n", b"\r\n"), id="carriage returns"),
        pytest.param(lambda text: "# ação\n".encode() + text, id="UTF-8"),
    ],
)
def test_a_file_may_be_written_by_any_editor(folder, rewrite):
    for file in [*folder.rglob("*.toml")]:
        file.write_bytes(rewrite(file.read_bytes()))

    assert told(load(folder)) == []


def test_a_byte_that_is_no_utf_8_is_told_with_its_place(folder):
    file = folder / "sources/saleor.toml"
    file.write_bytes(b"# \xe9\n" + file.read_bytes())

    assert told(load(folder)) == [
        "mappings/sources/saleor.toml:1:3: no TOML: found a byte that is no UTF-8"
    ]


FUNCTION = '''
from bridge.mapping.functions import Example, function

@function(Example("AB-1", returns="1"))
def {name}(number: str) -> str:
    """Take what stands behind the first dash."""
    return number.partition("-")[2]
'''


def test_a_function_of_one_s_own_is_called_by_its_name(folder):
    (folder / "functions.py").write_text(FUNCTION.format(name="behind_dash"))
    file = folder / "sources/shopify.toml"
    file.write_text(file.read_text().replace('= "body.name"', '= "body.name | behind_dash"'))

    loaded = load(folder)

    assert told(loaded) == []
    assert loaded.functions["behind_dash"].about == "Take what stands behind the first dash."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FUNCTION.format(name="first"), "1:1: 'first' is a function of the bridge: choose another name"),
        ("def f(:\n", "1:1: SyntaxError: invalid syntax (functions.py, line 1)"),
        ("x = 1\n\nx.y\n", "3:1: AttributeError: 'int' object has no attribute 'y'"),
        ("import nowhere_at_all\n", "1:1: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        (
            FUNCTION.format(name="f").replace("number: str", "number"),
            "4:1: TypeError: functions.py:4: function 'f': annotate 'number' with its type",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_functions_py_is_told_with_its_line(folder, text, problem):
    (folder / "functions.py").write_text(text)

    assert told(load(folder)) == [f"mappings/functions.py:{problem}"]
