"""Print the reference page of configuration fields: `python -m foreframe.training.reference`."""

from __future__ import annotations

from .documentation import REQUIRED, FieldDoc, SectionDoc, sections

_PAGE = """\
# Configuration

Each field that a recipe, a YAML file of changes or the command line can set, with its default.
A recipe overrides the defaults, `--config FILE` the recipe, and `--training.steps 100` both.
`foreframe train --help` prints the same, and a run's `recipe.yaml` explains the values of that run.

This page is generated: `python -m foreframe.training.reference > docs/configuration.md`.
"""


def markdown() -> str:
    """Return the reference page."""
    return "\n".join([_PAGE, *(_section(section) for section in sections())])


def _section(section: SectionDoc) -> str:
    lines = [f"## {section.title}", "", section.summary, ""]
    if section.fields:
        lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
        lines += [_row(field) for field in section.fields]
        lines.append("")
    return "\n".join(lines)


def _row(field: FieldDoc) -> str:
    default = field.default if field.default == REQUIRED else f"`{field.default}`"
    return f"| `{field.name}` | {_cell(field.type)} | {default} | {_cell(field.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    print(markdown(), end="")
