"""How a command ends that has no answer: one sentence on stderr, and an exit code."""

import os
import sys
import traceback
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from harness.errors import HarnessError

INTERRUPTED, BROKEN_PIPE = 130, 141  # as a shell says of a program that SIGINT or SIGPIPE ended


class Verbs(TyperGroup):
    """Says which verbs there are where it is asked for another."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The named verb. Raises HarnessError where there is none."""
        if args[0] not in self.commands:
            known = ", ".join(self.commands)
            raise HarnessError(f"the verb must be one of {known}, got {args[0]!r}")
        return super().resolve_command(ctx, args)


def end(app: typer.Typer) -> NoReturn:
    """Run the command line and leave with its exit code; asked for nothing, with help and 2."""
    try:
        asked = sys.argv[1:]
        code = app(asked or ["--help"], prog_name="harness", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if asked else 2)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _leave_quietly()
    except SystemExit as leaving:  # typer's own answer to a closed pipe is 1, which is a regression
        if isinstance(leaving.__context__, BrokenPipeError):
            _leave_quietly()
        raise
    except Exception as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        print(f"harness: {_sentence(error)}", file=sys.stderr)
        sys.exit(2)


def _leave_quietly() -> NoReturn:
    """Nobody reads any more: what is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(BROKEN_PIPE)


def _sentence(error: Exception) -> str:
    """Of a fault of the user's: itself; of the command line's: where to look; else what it was."""
    if isinstance(error, HarnessError):
        return " ".join(str(error).splitlines())
    if hasattr(error, "format_message"):
        asked = getattr(getattr(error, "ctx", None), "command_path", "harness")
        message = " ".join(error.format_message().splitlines())
        return f"{message.rstrip('.')}; see {asked} --help"
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}; --debug shows where"
