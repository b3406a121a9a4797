# SPDX-License-Identifier: GPL-2.0-only
"""The command line: arguments in, tables or JSON out, errors in one line. Everything else is `api` and the rooms behind it.

Heavy libraries are imported by the commands that need them, so that `slabdes --help` is quick.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from itertools import pairwise
from typing import Annotated, Any

import typer

from slabdes.cli import (
    comparing,
    conformance,
    dumps,
    explaining,
    exploring,
    guide,
    lessons,
    machines,
    measuring,
    reading,
    reporting,
    runs,
    timelines,
    traces,
    tuning,
)
from slabdes.cli.options import EXIT_CHECK, EXIT_INPUT, EXIT_INTERRUPTED
from slabdes.cli.output import fail, prepare_streams, say_error, watched
from slabdes.errors import InputError, SlabdesError, shown
from slabdes.signals import line

app = typer.Typer(
    name="slabdes",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
machine_app = typer.Typer(help="Machines: presets, and files that describe one.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(machine_app, name="machine")
trace_app = typer.Typer(help="kmem traces of real kernels.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(trace_app, name="trace")
_COMMANDS: dict[str, Callable[..., None]] = {
    "run": runs.run,
    "replay": runs.replay,
    "show": reading.show,
    "plot": reading.plot,
    "report": reporting.report,
    "explore": exploring.explore,
    "timeline": timelines.timeline,
    "explain": explaining.explain,
    "lesson": lessons.lesson,
    "reap": dumps.reap,
    "slabinfo": reading.slabinfo,
    "lock-stat": reading.lock_stat,
    "compare": comparing.compare,
    "tune": tuning.tune,
    "sensitivity": tuning.sensitivity,
    "conform": conformance.conform,
    "geometry": conformance.geometry,
    "bench": measuring.bench,
    "validate": measuring.validate,
    "predictions": measuring.predictions,
    "fit": measuring.fit,
    "capture": guide.capture,
    "keys": guide.keys,
    "new": guide.new,
    "schema": guide.schema,
    "glossary": guide.glossary,
}
_MACHINE_COMMANDS: dict[str, Callable[..., None]] = {
    "list": machines.machine_list,
    "show": machines.machine_show,
    "import": machines.machine_import,
}
_TRACE_COMMANDS: dict[str, Callable[..., None]] = {"info": traces.trace_info}
for _app, _commands in ((app, _COMMANDS), (machine_app, _MACHINE_COMMANDS), (trace_app, _TRACE_COMMANDS)):
    for _name, _command in _commands.items():
        _app.command(_name)(_command)


def _show_lowered(wanted: bool) -> None:
    if wanted:
        from slabdes.engine.compiled.shown import lowered_files

        for file in lowered_files():
            print(file)
        raise typer.Exit


def _show_version(wanted: bool) -> None:
    if wanted:
        from slabdes import __version__

        print(f"slabdes {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
    lowered: Annotated[
        bool,
        typer.Option(
            "--lowered", callback=_show_lowered, is_eager=True, help="Print where the paths lie as the compiled engine runs them."
        ),
    ] = False,
) -> None:
    """What will the Linux slab allocator, SLAB or SLUB, do on a machine you do not have?

    To begin: slabdes new burst > my.toml, then slabdes run my.toml. With a trace of your own system: slabdes capture. What a word
    means: slabdes glossary WORD.
    """


_UsageError: Any = typer.BadParameter.__bases__[0]
"""What typer raises for wrong arguments; it does not export the class itself."""
AT_ONCE = ("capture", "keys", "glossary", "new", "schema", "geometry", "machine list")
"""Commands that are done when they have been loaded: nothing is shown of them being at work, however busy the computer is."""
_MOST_USAGE = 250
"""Characters of what typer says of wrong arguments."""


def main() -> None:
    """Run the command line: errors are one line on standard error, and the exit code says what kind."""
    prepare_streams()
    # Pictures go into files: whatever windows are set up, or wrongly, is none of our business.
    os.environ.pop("MPLBACKEND", None)
    # Nor where it finds no place for its cache: it takes a temporary one.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        name = _command_name(sys.argv[1:])
        with nullcontext() if name.partition(" ")[2] in AT_ONCE else watched(name):
            code = app(prog_name="slabdes", standalone_mode=False)
        # Here, not at exit, so that what cannot be written is told as whatever else goes wrong.
        sys.stdout.flush()
    except SlabdesError as error:
        fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        fail(line(), EXIT_INTERRUPTED)
    except MemoryError:
        fail("out of memory; a smaller experiment or fewer --jobs may fit", EXIT_INPUT)
    except BrokenPipeError:
        # Whoever read our output has gone: nothing is left to say, not even at exit.
        _drop_output()
        sys.exit(EXIT_CHECK)
    except OSError as error:
        # Of files that we read or write the rooms tell; what is left is mostly our own output (a full disk).
        _drop_output()
        fail(str(InputError(str(error.filename or "output"), error.strerror or str(error))), EXIT_INPUT)
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            say_error(error.format_message())
            sys.exit(EXIT_INPUT)
        path = error.ctx.command_path if error.ctx else "slabdes"
        as_key = _as_a_key(error)
        if as_key:  # what is spelt alike is not what was meant
            error.possibilities = None
        message = shown(" ".join(error.format_message().split()), _MOST_USAGE)
        fail(f"{message.rstrip('.')}{as_key}{_as_a_sweep(error, sys.argv)}; see {path} --help", EXIT_INPUT)
    sys.exit(code if isinstance(code, int) else 0)


def _command_name(arguments: list[str]) -> str:
    """What the command is called that these arguments begin with."""
    words = arguments[:2] if arguments[:1] in (["machine"], ["trace"]) else arguments[:1]
    return " ".join(("slabdes", *(word for word in words if not word.startswith("-"))))


def _as_a_key(error: Any) -> str:
    """What to type for an option that is none, but a key of an experiment file."""
    option = getattr(error, "option_name", "").lstrip("-").replace("-", "_")
    if not option or error.ctx is None or all(parameter.name != "settings" for parameter in error.ctx.command.params):
        return ""
    from slabdes.config.keys import keys_below

    try:
        key = keys_below(option)[0]
    except InputError:
        return ""
    return f"; a key of the experiment: --set {key.path}=VALUE"


def _as_a_sweep(error: Any, arguments: list[str]) -> str:
    """What to type where a command that sweeps is given several values for one."""
    option = next(iter(getattr(getattr(error, "param", None), "opts", ())), "")
    if not option or error.ctx is None or all(parameter.name != "sweep" for parameter in error.ctx.command.params):
        return ""
    given = [value for word, value in pairwise(arguments) if word == option]
    given += [word.partition("=")[2] for word in arguments if word.startswith(f"{option}=")]
    from slabdes.config.replays import as_sweep

    return next((f"; {as_sweep(option.lstrip('-'), value)} replays with each" for value in given if "," in value), "")


def _drop_output() -> None:
    """Send what is still to be written to standard output nowhere, so that the exit does not try again."""
    with suppress(OSError):  # a stream that is no file has nothing to hold back
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
