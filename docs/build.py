"""Build the documentation site: `python docs/build.py OUT`.

The pages of docs/ are copied to OUT/pages, with links that leave docs/ turned to the repository and
the reference of the command line beside them; zensical makes OUT/html of them, and every warning
is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/foreframe/foreframe/blob/main"
GENERATED = ("commands.md",)

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_NAV_ENTRY = re.compile(r'^\s*\{ "[^"]+" = "([^"]+\.md)" \},\n', re.MULTILINE)


class BrokenLinkError(Exception):
    """A link to a file that the repository does not have."""


def build(out: Path) -> Path:
    """Build the site and return its folder.

    Raises:
        BrokenLinkError: a page has a link to a file that is not there.
        subprocess.CalledProcessError: zensical found something else that is broken.
    """
    shutil.rmtree(out, ignore_errors=True)
    names = list(stage(out / "pages"))
    (out / "zensical.toml").write_text(with_navigation(names))
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, cwd=out, env=environment, check=True)
    return out / "html"


def stage(pages: Path) -> Iterator[str]:
    """Write the pages and their pictures to a folder, and yield the names of the pages."""
    for source in sorted(DOCS.rglob("*")):
        name = source.relative_to(DOCS)
        target = pages / name
        if source.suffix == ".md":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_with_links(source, pages))
            yield name.as_posix()
        elif source.suffix in (".webp", ".png", ".svg"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    (pages / "commands.md").write_text(commands())
    yield "commands.md"


def _with_links(page: Path, pages: Path) -> str:
    """Return a page whose links out of docs/ lead to the repository, and its pictures beside it."""

    def turned(found: re.Match[str]) -> str:
        picture, text, target = found.groups()
        path, hash_, anchor = target.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        file = (page.parent / path).resolve()
        if file.is_relative_to(DOCS):
            return found[0]
        if not file.exists():
            raise BrokenLinkError(f"{page.relative_to(ROOT)}: {target} is not there")
        name = file.relative_to(ROOT).as_posix()
        if picture:
            copy = pages / "pictures" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            up = "../" * (len(page.relative_to(DOCS).parts) - 1)
            return f"![{text}]({up}pictures/{name})"
        return f"[{text}]({REPOSITORY}/{name}{hash_}{anchor})"

    return _LINK.sub(turned, page.read_text())


def with_navigation(names: Iterable[str]) -> str:
    """Return the settings, with the pages that exist as the navigation."""
    text = (DOCS / "zensical.toml").read_text()
    there = set(names)
    listed = set(_NAV_ENTRY.findall(text))
    text = _NAV_ENTRY.sub(lambda entry: entry[0] if entry[1] in there else "", text)
    more = "".join(f'    {{ "{_title(name)}" = "{name}" }},\n' for name in sorted(there - listed))
    text = re.sub(r'("How to" = \[\n(?:.*\n)*?)(  \] \},\n)', rf"\1{more}\2", text, count=1)
    tomllib.loads(text)
    return text


def _title(name: str) -> str:
    first = (DOCS / name).read_text().split("\n", 1)[0]
    return first.removeprefix("# ").replace('"', "")


def commands() -> str:
    """Return the reference of the command line, made from the parser."""
    sys.path.insert(0, str(ROOT / "src"))
    from foreframe.cli.commands import COMMANDS
    from foreframe.plugins import with_names

    parts = [_HEAD]
    for command in COMMANDS.values():
        parts += [f"## foreframe {command.name}\n", f"{_sentence(with_names(command.summary))}\n"]
        parts += [f"```text\nforeframe {command.name} {command.usage}".rstrip() + "\n```\n"]
        parts += list(_options(command))
    return "\n".join(parts)


def _options(command: Any) -> Iterator[str]:
    from foreframe.cli.options import function_of, is_configurable, options_of
    from foreframe.plugins import with_names

    yield "| argument | meaning |\n|---|---|"
    for option in options_of(command).values():
        text = f"{with_names(option.text)}{option.kind}".strip().replace("|", r"\|")
        title = option.title.replace("|", r"\|")
        yield f"| `{title}` | {text} |"
    yield ""
    if is_configurable(function_of(command)):
        yield "It also takes every [field of the configuration](configuration.md).\n"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_HEAD = """\
# Command line

Every command is a function of Python with the same arguments ([Python](python.md)).
Exit status 0 is done, 1 failed, 2 a mistake in what was given, 130 and 143 stopped.
`foreframe COMMAND --help` prints what stands here, and `--debug` shows where an error came from.
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python docs/build.py OUT")
    print(f"open: {build(Path(sys.argv[1]).resolve()) / 'index.html'}")
