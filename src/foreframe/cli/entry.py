"""The command line: run a command, and turn what goes wrong into a line and an exit status.

Nothing heavy is imported before a command is known, so `foreframe --help` answers at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import TextIO

from ..errors import ForeframeError, InputError, InputWarning, unknown
from ..plugins import with_names
from .commands import COMMANDS, Command

_USAGE = "usage: foreframe [--debug] COMMAND ...\n"
_HEAD = "See what the camera will see, given what you will do.\n\n"
_FOOT = (
    "\n\n`foreframe COMMAND --help` shows the arguments of a command; "
    "--debug shows where an error came from.\n"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 failed, 2 input that cannot be used, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that are not UTF-8
    words = [word for word in words if word != "--debug"]
    try:
        with _plain_warnings():
            _run(words)
    except ForeframeError as error:
        if debug:
            raise
        _exit(str(error), 2 if isinstance(error, InputError) else 1)
    except KeyboardInterrupt:
        # Only cleaning up is left: the next Ctrl-C ends it silently.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _exit("interrupted; the same command resumes", 130)
    except (MemoryError, RuntimeError) as error:
        if debug or not _of_memory(error):
            raise
        _exit(
            "too little memory; use a smaller batch (--training.batch), fewer --samples or "
            "--workers, or smaller pictures (--size); what was finished is kept",
            1,
        )
    except BrokenPipeError:  # the reader, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        _exit(f"{where}{error.strerror or error}; what was finished is kept", 1)


def _exit(message: str, status: int) -> None:
    print(f"foreframe: {message}", file=sys.stderr)
    raise SystemExit(status) from None


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print a warning about an old name or an input as one line without file and line."""
    shown = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, (FutureWarning, InputWarning)):
            print(f"foreframe: {message}", file=sys.stderr)
        else:
            shown(message, category, filename, lineno, file, line)

    with warnings.catch_warnings():
        for category in (FutureWarning, InputWarning):
            warnings.simplefilter("default", category)
        warnings.showwarning = show
        yield


def _of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, or of torch on a CPU or GPU, is a lack of memory."""
    return (
        isinstance(error, MemoryError)
        or "can't allocate memory" in str(error)
        or "out of memory" in str(error)
    )


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return
    if words[0] in ("-V", "--version"):
        from ..version import __version__

        print(f"foreframe {__version__}")
        return
    command, rest = _find(words)
    from .options import function_of, options_of
    from .parsing import parse

    arguments, options = parse(command, rest), options_of(command)
    given = {
        name: value
        for name, value in arguments.items()
        if name not in options or options[name].passed_on
    }
    with _computing_on(arguments.get("device")), command.around(arguments):
        result = function_of(command)(**given)
    command.report(result, arguments)


def _computing_on(device: str | None) -> contextlib.AbstractContextManager[object]:
    """Compute on a device, which is looked for only if it was named."""
    if device is None:
        return contextlib.nullcontext()
    from ..runtime.hardware import computing_on

    return computing_on(device)


def _find(words: list[str]) -> tuple[Command, list[str]]:
    """Return the command that the words begin with, and the remaining words."""
    if found := _find_by_option(words):
        return found
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return COMMANDS[name], words[length:]
    group = [name for name in COMMANDS if name.startswith(f"{words[0]} ")]
    if group and (len(words) == 1 or words[1] in ("-h", "--help")):
        print(_help(group), end="")
        raise SystemExit(0 if len(words) > 1 else 2)
    got = " ".join(words[:2]) if group else words[0]
    raise unknown("command", got, group or COMMANDS)


def _find_by_option(words: list[str]) -> tuple[Command, list[str]] | None:
    """Return a command that a verb and one of its options make, such as `eval --predictions`.

    The option may stand anywhere; its value comes first among the remaining words.
    """
    options = [word.partition("=") for word in words]
    for at, (name, equals, value) in enumerate(options[1:], start=1):
        if name.startswith("--") and (command := COMMANDS.get(f"{words[0]} {name}")):
            values = [value] if equals else words[at + 1 : at + 2]
            return command, [*values, *words[1:at], *words[at + 1 + (not equals) :]]
    return None


def _help(names: Sequence[str] = ()) -> str:
    shown = {name: COMMANDS[name] for name in names} or COMMANDS
    width = max(len(name) for name in shown)
    lines = [f"  {name:<{width}}  {with_names(command.summary)}" for name, command in shown.items()]
    return f"{_USAGE}\n{'' if names else _HEAD}" + "\n".join(lines) + _FOOT
