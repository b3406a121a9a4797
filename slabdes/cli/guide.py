# SPDX-License-Identifier: GPL-2.0-only
"""Commands for who begins: how to record a trace, the keys of an experiment file, a file to begin with, and what words mean."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from slabdes.cli.options import Json
from slabdes.cli.output import print_json, print_told, say, say_paragraph

if TYPE_CHECKING:
    from slabdes.config.keys import Key


def keys(
    prefix: Annotated[
        str,
        typer.Argument(
            metavar="PREFIX",
            help="A table (machine), a key (think_ns), a workload (mix), or words of what keys mean (barn). All without.",
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """The keys of an experiment file: type, unit, default, meaning.

    As `--set KEY=VALUE` and [sweep] take them.
    """
    from slabdes.config.keys import experiment_keys
    from slabdes.engine.slub_defaults import with_defaults

    found = [with_defaults(key) for key in (_keys_like(prefix) if prefix else experiment_keys())]
    if as_json:
        print_json([dataclasses.asdict(key) for key in found])
        return
    for key in found:
        of = f"  (workload {key.workload})" if key.workload else ""
        unit = f", {key.unit}" if key.unit else ""
        say(f"{key.path}{of}: {key.type}{unit}; {_default(key)}")
        say_paragraph(key.meaning, indent=4)


def _default(key: Key) -> str:
    """What is said of a key's default: where it has none by itself, its meaning may say what holds then."""
    if key.default == "none":
        return "default as below" if "default" in key.meaning else "no default"
    return key.default if key.default == "required" else f"default {key.default}"


def _keys_like(prefix: str) -> list[Key]:
    """Keys by what is said of them. InputError without any, which says whether the glossary knows the word."""
    from slabdes.cli.glossary import words, words_like
    from slabdes.config.keys import keys_below
    from slabdes.errors import InputError

    try:
        return keys_below(prefix)
    except InputError as error:
        if found := words_like(prefix, words()):
            problem = f"none is about it; slabdes glossary {shlex.quote(found[0])} says what it means"
            raise InputError(error.where, problem, error.allowed) from None
        raise


def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND", help="burst, mix, producer_consumer, critical_section, pages, arrivals or trace. Without: a list."
        ),
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.toml", help="A new file. Default: the screen.")] = None,
) -> None:
    """A commented experiment file to begin with.

    It has every key that such a file may have, and runs as it is.
    """
    from slabdes.config.starts import kinds, new_experiment
    from slabdes.files import write_new

    if not kind:
        print_told(
            "kinds of workload: slabdes new KIND prints a file to begin with", [(name, "", what) for name, what in kinds()]
        )
        return
    text = new_experiment(kind)
    if out is None:
        say(text, end="")
        return
    write_new(out, text)
    say(f"written: {out}; run it: slabdes run {out}")


def capture(
    kernel: Annotated[
        str, typer.Option("--kernel", metavar="RELEASE", help="What `uname -r` prints there. Default: this computer's.")
    ] = "",
    tool: Annotated[
        str, typer.Option("--with", metavar="TOOL", help="perf, trace-cmd or tracefs. Default: the first that is installed.")
    ] = "",
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", help="How long to record.")] = 10.0,
    as_json: Json = False,
) -> None:
    """The commands that record a trace; runs none of them.

    What is printed is a script for sh: read it, then run it as root on the computer to record.
    """
    from slabdes.capture import capture as found

    wanted = found(kernel, tool, seconds)
    if as_json:
        print_json(wanted.to_dict())
        return
    for sentence in wanted.sentences():
        say_paragraph(sentence, before="# ")
    say("set -e")
    for line in wanted.script():
        say(line)
    say("\n# Then, where slabdes is:")
    for command in wanted.after():
        say(f"#   {command}")


def schema(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="experiment or machine.")] = "experiment",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.json", help="A new file. Default: the screen.")] = None,
) -> None:
    """The JSON Schema of experiment or machine files, for editors.

    With `#:schema FILE.json` in a TOML file's first line, editors with a TOML language server complete keys and show errors.
    """
    from slabdes.files import write_new
    from slabdes.schemas import schema_text

    text = schema_text(kind)
    if out is None:
        say(text, end="")
        return
    write_new(out, text)
    say(f"written: {out}; first line of a file beside it: #:schema {out.name}")


def glossary(
    word: Annotated[str, typer.Argument(metavar="WORD", help="Without: all words.")] = "",
) -> None:
    """What a word means, such as list_lock or p99."""
    from slabdes.cli.glossary import words, words_like
    from slabdes.errors import InputError, nearest, shown

    known = words()
    if not word:
        say_paragraph(", ".join(known))
        say("slabdes glossary WORD tells what one means.")
        return
    found = words_like(word, known)
    if not found:
        problem = f"is not in the glossary{nearest(word, known)}"
        raise InputError(f"word {shown(word)}", problem, allowed="slabdes glossary lists all")
    for entry in found:
        say_paragraph(f"{entry}: {known[entry]}")
