"""The command line. Every verb is a Python function with the same arguments; `--config FILE` gives them as YAML.

Nothing heavy is imported before a verb is known, so `foreframe --help` answers at once.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from ..errors import ForeframeError, InputError, unknown
from .commands import COMMANDS, Command

_USAGE = "usage: foreframe [--debug] VERB ...\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 well, 1 failed, 2 something given cannot be used, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        _run(words)
    except ForeframeError as error:
        if debug:
            raise
        print(f"foreframe: {error}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, InputError) else 1) from None
    except KeyboardInterrupt:
        signal.signal(
            signal.SIGINT, signal.SIG_DFL
        )  # only tidying up is left: the next one ends that without a word
        print("foreframe: interrupted; the same command goes on where it was", file=sys.stderr)
        raise SystemExit(130) from None
    except (MemoryError, RuntimeError) as error:
        if debug or not _of_memory(error):
            raise
        print(
            "foreframe: too little memory; take a smaller batch (--training.batch), fewer --samples or --workers, "
            "or smaller pictures (--size); what was finished is kept",
            file=sys.stderr,
        )
        raise SystemExit(1) from None
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"foreframe: {where}{error.strerror or error}; what was finished is kept",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


def _of_memory(error: BaseException) -> bool:
    """Whether memory is what was lacking: Python's own error, or those of torch on a CPU or a GPU."""
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
    verb, rest = _find(words)
    from .parsing import function_of, parse

    arguments = parse(verb, rest)
    result = function_of(verb)(
        **{name: value for name, value in arguments.items() if name not in verb.flags}
    )
    verb.tell(result, arguments)


def _find(words: list[str]) -> tuple[Command, list[str]]:
    """The verb that the words begin with: the longest name that fits."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return COMMANDS[name], words[length:]
    group = [name for name in COMMANDS if name.startswith(f"{words[0]} ")]
    if group and (len(words) == 1 or words[1] in ("-h", "--help")):
        print(_help(group), end="")
        raise SystemExit(0 if len(words) > 1 else 2)
    got = " ".join(words[:2]) if group else words[0]
    raise unknown("verb", got, group or COMMANDS)


def _help(names: Sequence[str] = ()) -> str:
    shown = {name: COMMANDS[name] for name in names} or COMMANDS
    width = max(len(f"{name} {verb.usage}") for name, verb in shown.items())
    lines = [f"  {f'{name} {verb.usage}':<{width}}  {verb.summary}" for name, verb in shown.items()]
    head = "" if names else "See what the camera will see, given what you will do.\n\n"
    return (
        f"{_USAGE}\n{head}"
        + "\n".join(lines)
        + "\n\n`foreframe VERB --help` says the options of a verb; --debug shows where an error came from.\n"
    )
