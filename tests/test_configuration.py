"""The documentation of configuration fields: complete, shown in three places, from one source."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.plugins import RECIPES
from foreframe.training import resolve
from foreframe.training.documentation import FieldDoc, commented_yaml, sections
from foreframe.training.reference import markdown

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
FIELDS = [(section.title, field) for section in sections() for field in section.fields]


@pytest.mark.parametrize(("title", "field"), FIELDS, ids=[f"{t}-{f.name}" for t, f in FIELDS])
def test_every_field_is_documented(title: str, field: FieldDoc) -> None:
    assert field.text, f"{title} lacks a line for {field.name} under Attributes: or Args:"


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text() == markdown(), (
        "run: python -m foreframe.training.reference > docs/configuration.md"
    )


@pytest.mark.parametrize("recipe", RECIPES.names())
def test_comments_do_not_change_a_recipe(recipe: str, tmp_path: Path) -> None:
    config = resolve(recipe)
    text = commented_yaml(config)
    assert yaml.safe_load(text) == config.to_dict()
    (tmp_path / "recipe.yaml").write_text(text)
    assert resolve(recipe, tmp_path / "recipe.yaml") == config


def test_a_runs_recipe_explains_its_fields(run: Path, store: ClipStore) -> None:
    text = (run / "recipe.yaml").read_text()
    explained = {line.strip().removeprefix("# ") for line in text.splitlines() if "#" in line}
    assert "clips per optimiser step, over all devices." in explained
    assert yaml.safe_load(text)["training"]["steps"] == 12


@pytest.mark.parametrize("text", ["?", "1: 2", "training: {? : 1}", "objective: {error: {3: 4}}"])
def test_names_that_are_no_text_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(InputError, match="expected options by name, as text"):
        resolve("push-tiny", tmp_path / "c.yaml")
