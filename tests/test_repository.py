"""What a reader of this repository may rely on: no address of a machine or registry, docs that are current, files that
can be read in one sitting, feeds that keep their contract."""

import argparse
import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import dashboard.cli
import etl.cli
from etl.feeds.feed import FEEDS, feeds
from etl.measures.registry import measures
from etl.warehouse.tables import metadata

ROOT = Path(__file__).resolve().parents[1]
# assembled here, so that this file does not hold what it forbids
REGISTRIES = [
    name.replace("~", ".")
    for name in ("pypi~org", "pythonhosted~org", "npmjs~org", "npmjs~com", "yarnpkg~com", "deb~debian~org",
                 "security~debian~org", "archive~ubuntu~com", "ghcr~io", "quay~io", "proxy~golang~org", "crates~io")
]  # fmt: skip
MACHINE = [f"/{folder}/" for folder in ("work", "root", "home", "Users")]
MAXIMUM_LINES, MAXIMUM_FUNCTION = 400, 60
# file → why it is longer
LONG_FILES = {
    "etl/feeds/rollout_tracker.py": "one tracker, three facts",
    "etl/warehouse/tables.py": "every table of the warehouse, a commented line a column",
}
# function → why it is longer
LONG_FUNCTIONS: dict[str, str] = {
    "etl/demo/published_calls.py:_table_1": "a printed table, a line a row",
    "etl/feeds/call_logs/calls.py:_calls": "one query",
    "etl/warehouse/loading.py:commit": "one transaction, read from top to bottom",
}


def tracked() -> list[Path]:
    """Every file that the repository holds; without git (an unpacked copy), every file that it would hold."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    pytest.skip("NOT TESTED: this copy is not a git repository, so which files belong to it is not known")


def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            found[path.relative_to(ROOT).as_posix()] = content.decode("utf-8", errors="replace")
    return found


def test_no_address_of_a_registry_is_in_any_file() -> None:
    found = {name: [host for host in REGISTRIES if host in text.lower()] for name, text in texts().items()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}


def test_no_path_of_a_machine_is_in_any_file() -> None:
    pattern = re.compile("|".join(rf"(?<![\w.~*-]){re.escape(folder)}[\w-]+/" for folder in MACHINE))
    found = {
        name: pattern.findall(text) for name, text in texts().items() if name not in ("Dockerfile", "compose.yaml")
    }
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_the_lock_is_hashed_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"(?m)^\s*(--(extra-)?index-url|-i|--find-links)", lock)
    pinned = re.findall(r"(?m)^([a-z0-9][^\s=]*)==[^\s]+(.*\\)?$", lock)
    assert len(pinned) > 50
    assert all("--hash=sha256:" in block for block in re.split(r"(?m)^(?=[a-z0-9])", lock) if "==" in block)


def test_generated_docs_are_current() -> None:
    done = subprocess.run([sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_every_measure_is_documented() -> None:
    page = (ROOT / "docs" / "measures.md").read_text()
    assert [name for name in measures() if f"`{name}`" not in page] == []


def test_imports_go_one_way() -> None:
    done = subprocess.run([str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout


def commands(parser: argparse.ArgumentParser) -> set[str]:
    """The commands that a parser knows."""
    return {name for action in parser._actions if isinstance(action.choices, dict) for name in action.choices}


@pytest.mark.parametrize("document", ["README.md", "compose.yaml", "Dockerfile", "Makefile"])
def test_commands_that_are_named_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    known = {"icb-etl": commands(etl.cli._parser()), "icb-dashboard": commands(dashboard.cli.parser())}
    assert set(scripts) == set(known)
    for script, command in re.findall(r"\b(icb-(?:etl|dashboard))[\"', ]+([a-z]+)", text):
        assert command in known[script], f"{document} names {script} {command}"
    for target in re.findall(r"\bmake ([a-z]+)\b(?! sure)", text):
        assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text()), f"{document} names make {target}"
    for path in re.findall(r"(?:^|\s|\()((?:scripts|docs|etl|dashboard)/[\w/.]+\.\w+)", text):
        assert (ROOT / path).exists(), f"{document} names {path}"


def test_every_setting_that_the_readme_names_is_one() -> None:
    from etl.settings import OTHER_ENVIRONMENT, Settings

    named = set(re.findall(r"\bICB_[A-Z_]+\b", (ROOT / "README.md").read_text()))
    known = {f"ICB_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in named - known if not name.startswith(OTHER_ENVIRONMENT)} == set()


def python_files() -> list[str]:
    return [name for name in texts() if name.endswith(".py") and name.startswith(("etl/", "dashboard/", "scripts/"))]


def test_no_file_is_too_long_to_read() -> None:
    found = texts()
    lines = {name: found[name].count("\n") for name in python_files()}
    assert {name: n for name, n in lines.items() if n > MAXIMUM_LINES and name not in LONG_FILES} == {}
    assert [name for name in LONG_FILES if lines.get(name, 0) <= MAXIMUM_LINES - 50] == [], "no longer long"


def test_which_day_it_is_is_asked_in_one_place() -> None:
    """London's: the machine's own, and a database session's, is another near midnight."""
    asking = re.compile(r"(?i)date\.today\(|datetime\.now\(\)|\bcurrent_date\b|\bnow\(\)\s*::\s*date")
    found = texts()
    sources = [name for name in found if name.endswith((".py", ".sql")) and name.startswith(("etl/", "dashboard/"))]
    assert [name for name in sources if asking.search(found[name])] == []


def functions(name: str, text: str) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(f"{name}:{node.name}", node) for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]


def test_no_function_is_too_long_to_read() -> None:
    found = texts()
    long = {
        where: (node.end_lineno or 0) - node.lineno + 1
        for name in python_files()
        for where, node in functions(name, found[name])
        if (node.end_lineno or 0) - node.lineno + 1 > MAXIMUM_FUNCTION
    }
    assert {where: lines for where, lines in long.items() if where not in LONG_FUNCTIONS} == {}


def test_every_public_function_says_what_it_does() -> None:
    found = texts()
    silent = [
        where
        for name in python_files()
        for where, node in _public(name, found[name])
        if not ast.get_docstring(node)
    ]  # fmt: skip
    assert silent == []


def _public(name: str, text: str) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Functions and classes of the module's own level, without a leading underscore."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            found.append((f"{name}:{node.name}", node))
    return found


@pytest.mark.parametrize("feed", FEEDS)
def test_every_feed_keeps_the_contract(feed: str) -> None:
    module = importlib.import_module(f"etl.feeds.{feed}")
    assert module in feeds()
    assert feed == module.NAME
    assert module.FACTS
    assert all(f"fact.{fact}" in metadata.tables for fact in module.FACTS)
    assert 0 <= getattr(module, "MAXIMUM_REJECTED_SHARE", 0) <= 1
    for function in (module.recognise, module.read):
        assert function.__doc__
    tests = [ROOT / "tests/etl/feeds" / f"test_{feed}.py", ROOT / "tests/etl/feeds" / feed]
    assert any(path.exists() for path in tests)


def test_every_column_of_the_warehouse_is_explained() -> None:
    silent = [str(column) for table in metadata.sorted_tables for column in table.columns if not column.comment]
    assert silent == []


def test_every_sql_file_is_built_and_says_what_it_is() -> None:
    from etl.marts.build import FOLDER, ORDER

    assert sorted(path.stem for path in FOLDER.glob("*.sql")) == sorted(ORDER)
    assert [name for name in ORDER if not (FOLDER / f"{name}.sql").read_text().startswith("--")] == []
