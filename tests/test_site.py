"""The documentation: the site builds without a warning, links lead somewhere, commands parse."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import foreframe
from foreframe.cli.entry import _find
from foreframe.cli.parsing import parse
from foreframe.training import resolve

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/foreframe/foreframe/"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> Iterator[str]:
    """Return the fenced blocks of a page in a language."""
    for found, text in _BLOCK.findall(page.read_text()):
        if found == language:
            yield text


def commands(page: Path) -> Iterator[list[str]]:
    """Return the words of every `foreframe` command that a page shows in a block of shell."""
    for block in [*blocks(page, "sh"), *blocks(page, "")]:
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
            lexer.whitespace_split, lexer.commenters = True, "#"
            if "foreframe " not in line or "foreframe: " in line:
                continue
            words = list(lexer)
            starts = [i for i, w in enumerate(words) if w.rpartition("/")[2] == "foreframe"]
            for start in starts:
                rest = words[start + 1 :]
                end = next((i for i, w in enumerate(rest) if w[:1] in "&|;>"), len(rest))
                if words[:start] and words[start - 1][:1] not in "&|;":
                    continue  # `git clone`, `pip install`
                yield rest[:end]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_of_a_page_parse(page: Path) -> None:
    for words in commands(page):
        if "--config" in words or words[-1:] == ["..."]:
            continue  # a file that is not there, a line that says it is not whole
        if "--print-config" in words:
            words.remove("--print-config")
        command, rest = _find(words)
        if "--help" in rest:
            continue
        given = parse(command, rest)
        if command.name == "train" and f"# {given['recipe']}:" not in page.read_text():
            resolve(given["recipe"], changes=given.get("changes"))


def test_pages_show_commands() -> None:
    assert len([words for page in PAGES for words in commands(page)]) > 100


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_of_a_page_is_python_and_imports_what_exists(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("foreframe"):
                module = importlib.import_module(node.module or "")
                assert all(
                    hasattr(module, name.name)
                    or importlib.util.find_spec(f"{node.module}.{name.name}")
                    for name in node.names
                )
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "foreframe"
                and node.attr != "simulate"
            ):
                assert hasattr(foreframe, node.attr), node.attr


def test_the_first_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    first = next(blocks(ROOT / "README.md", "python"))
    exec(compile(first, "README.md", "exec"), {})
    assert "4, 3, 64, 64" in capsys.readouterr().out


def texts_of_the_source() -> str:
    """Return every text of the source, a line each, with `…` for what is filled in."""
    found = []
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_messages_to_solve_are_those_of_the_code() -> None:
    told = re.findall(
        r"^### `(.*)` \{#", (DOCS / "troubleshooting.md").read_text(), flags=re.MULTILINE
    )
    source = texts_of_the_source()
    assert len(told) > 30
    of_the_system = {"No space left on device; "}
    for message in told:
        for part in message.split("…"):
            part = next((part.removeprefix(p) for p in of_the_system if part.startswith(p)), part)
            assert part in source, f"{message!r}: nothing in the code says {part!r}"


def test_python_reference_has_every_public_name() -> None:
    shown = set(re.findall(r"^::: (\S+)", (DOCS / "python.md").read_text(), flags=re.MULTILINE))
    public = {f"foreframe.{name}" for name in foreframe.__all__ if name != "data"}
    public |= {f"foreframe.data.{name}" for name in foreframe.data.__all__}
    assert public - shown == set()


def test_links_to_files_of_the_repository_lead_to_files() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]:
        for target in re.findall(r"\]\(([^()\s]+)\)", page.read_text()):
            if target.startswith(REPOSITORY):
                kind, _, path = target.removeprefix(REPOSITORY).partition("/main/")
                assert kind not in ("blob", "tree") or (ROOT / path.partition("#")[0]).exists()
            elif "://" not in target and not target.startswith("#"):
                assert (page.parent / target.partition("#")[0]).exists(), f"{page}: {target}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("zensical", reason="no zensical here: pip install -e '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, str(DOCS / "build.py"), str(out / "built")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "built" / "html"


class Links(HTMLParser):
    """The addresses that a page leads to or loads, and the places in it that have a name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.places |= {values[key] or "" for key in ("id", "name") if key in values}
        if address := values.get("href"):
            loads = tag == "link" and values.get("rel") in ("stylesheet", "icon")
            (self.loaded if loads else self.addresses).append(address)
        if address := values.get("src"):
            self.loaded.append(address)


def test_links_of_the_site_lead_to_pages_and_places(site: Path) -> None:
    pages = {
        page: Links(page.read_text()) for page in site.rglob("*.html") if page.name != "404.html"
    }
    assert len(pages) >= len(PAGES)
    broken = []
    for page, links in pages.items():
        for address in [*links.addresses, *links.loaded]:
            split = urlsplit(address)
            if split.scheme or split.netloc:
                continue
            target = (page.parent / unquote(split.path)).resolve() if split.path else page
            if not target.is_file():
                broken.append(f"{page.name}: {address}")
            elif split.fragment and target in pages:
                places = pages[target].places
                if unquote(split.fragment) not in places:
                    broken.append(f"{page.name}: {address}")
    assert broken == []


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not [a for a in Links(page.read_text()).loaded if urlsplit(a).netloc], page


def test_the_site_has_a_page_of_every_command(site: Path) -> None:
    from foreframe.cli.commands import COMMANDS

    text = (site / "commands.html").read_text()
    assert all(f"foreframe {name}" in text for name in COMMANDS)


def test_every_page_is_in_the_navigation(site: Path) -> None:
    text = (site.parent / "zensical.toml").read_text()
    for page in DOCS.rglob("*.md"):
        assert f'= "{page.relative_to(DOCS).as_posix()}" }}' in text
