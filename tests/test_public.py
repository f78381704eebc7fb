"""The public face: complete, lazy, and typed as it is at run time."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import foreframe


def test_every_public_name_is_there_and_documented() -> None:
    for name in foreframe.__all__:
        assert getattr(foreframe, name).__doc__, name


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(foreframe.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    names = {
        alias.asname or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert names == set(foreframe.__all__)


def test_importing_costs_nothing() -> None:
    script = (
        "import sys, foreframe.cli; foreframe.cli.main(['--help']); "
        "print(sorted({'torch', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_commands_are_public_functions() -> None:
    from foreframe.cli.commands import COMMANDS
    from foreframe.cli.options import function_of

    public = {getattr(foreframe, name) for name in foreframe.__all__} | {
        getattr(foreframe.data, n) for n in foreframe.data.__all__
    }
    for command in COMMANDS.values():
        about_itself = command.function.startswith("cli.")
        assert about_itself or function_of(command) in public, command.name
