# SPDX-License-Identifier: GPL-2.0-only
"""The table that `fit` reads: one experiment, what its rows change in it, and what was measured there. TOML.

    machine = "i7-3770"                      # a preset's name, or a file: the machine whose costs are fitted
    free = ["handoff_transfers", "list_move"]   # at most three numbers; "a+b" is one: a common factor of two costs
    unit = "cycles"                          # of the measured figures: ns (the default), or cycles of the machine's clock
    data = "who measured what, where"        # goes into the preset that is written

    [experiment]                             # as an experiment file, but for the machine's preset or file
    allocator = "4.6"
    ...

    [csv]                                    # rows of a published table that comes with slabdes:
    name = "slab_concurrent_i7-3770_before"
    set = { size = ["cache.0.size"] }        # which keys of the experiment a column gives
    measured = { s0_alloc = "alloc" }        # which column holds which measure

    [[row]]                                  # or, or besides, rows written out
    set = { "cache.0.size" = 32 }
    measured = { alloc = 365, free = 806 }   # measures: alloc, free, pair, elapsed, section, hit, refill_partial, grow, ...
    clock = 9                                # what reading the clock added to each of them, same unit; 0 by default

Leaves out finding the costs (`fit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slabdes.config import apply_values, parse_experiment
from slabdes.errors import InputError, nearest, shown
from slabdes.files import is_regular, is_there, read_text, toml_of
from slabdes.machine import describe_machine
from slabdes.machine.costs import check_names
from slabdes.machine.description import Description
from slabdes.validation.measures import measure
from slabdes.validation.published import published

TABLES: Final = "tables"
MAX_FILE: Final = 1 << 18
"""Bytes of a table, as of an experiment: each row is simulated many times (a choice)."""
MOST_ROWS: Final = 256
"""Rows that are written out (a choice: each is simulated dozens of times)."""
MOST_FREE: Final = 3
"""More numbers than this explain anything (stated before anything was fitted)."""


class Unit(StrEnum):
    """What measured figures are in."""

    NS = "ns"
    CYCLES = "cycles"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


PartT = TypeVar("PartT", bound=_Part)


class Row(_Part):
    """What one row changes in the experiment, and the figures measured there, by measure; `clock` is part of each."""

    set: dict[str, int | float | str] = {}
    measured: dict[str, Annotated[float, Field(gt=0)]]
    clock: Annotated[float, Field(ge=0)] = 0.0


class Csv(_Part):
    """A published table's columns as keys of the experiment and as measures."""

    name: str
    set: dict[str, tuple[str, ...]]
    measured: dict[str, str]


class FitFile(_Part):
    """Everything a table may say; the module's docstring tells what each key means."""

    machine: str
    free: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_FREE)]
    unit: Unit = Unit.NS
    data: Annotated[str, Field(min_length=1, max_length=1000)]
    experiment: dict[str, Any]
    csv: Csv | None = None
    row: Annotated[tuple[Row, ...], Field(max_length=MOST_ROWS)] = ()


@dataclass(frozen=True)
class Case:
    """One row: its name, its experiment without costs, and what was measured there in ns, less the clock, by measure."""

    name: str
    experiment: Mapping[str, Any]
    measured: Mapping[str, float]


@dataclass(frozen=True)
class FitTable:
    """A table, checked: `free` has a tuple of costs for each number that may change."""

    name: str
    machine: Description
    machine_key: tuple[str, str]
    free: tuple[tuple[str, ...], ...]
    data: str
    cases: tuple[Case, ...]


def read_fit_table(path: Path) -> FitTable:
    """The table at `path`, or the one of that name that comes with slabdes: a preset's.

    Raises InputError, in one line with file and key, for anything else.
    """
    known = table_names()
    if str(path) in known:
        return parse_fit_table((files(__package__) / TABLES / f"{path}.toml").read_text(encoding="utf-8"), str(path))
    if not is_there(path):
        problem = f"neither a file that is there nor a table that comes with slabdes{nearest(str(path), known)}"
        raise InputError(f"table {str(path)!r}", problem, allowed=f"{', '.join(known)}, or a file")
    return parse_fit_table(read_text(path, MAX_FILE, "a readable table, TOML"), str(path), path.parent)


def table_names() -> tuple[str, ...]:
    """Names of the tables that come with slabdes: of the presets that were calibrated on them."""
    found = (entry.name for entry in (files(__package__) / TABLES).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def parse_fit_table(text: str, where: str, folder: Path = Path()) -> FitTable:
    """The table in `text`; `where` begins any error; a machine's file is taken from `folder`."""
    file = _validated(FitFile, toml_of(text, where), where)
    key, machine = _machine(file.machine, folder)
    free = tuple(tuple(part.strip() for part in group.split("+")) for group in file.free)
    named = [name for group in free for name in group]
    check_names(dict.fromkeys(named), f"{where}: free")
    if len(set(named)) != len(named):
        raise InputError(f"{where}: free", f"{', '.join(file.free)} names a cost twice", allowed="each once")
    scale = 1.0 / machine.clock_ghz if file.unit is Unit.CYCLES else 1.0
    cases = tuple(_case(file, row, number, where, key, scale) for number, row in enumerate(_rows(file, where)))
    figures = sum(len(case.measured) for case in cases)
    if figures <= len(free):
        raise InputError(where, f"{figures} figures for {len(free)} free numbers", allowed="more figures than free numbers")
    return FitTable(Path(where).name.removesuffix(".toml"), machine, key, free, file.data, cases)


def _validated(part: type[PartT], raw: Mapping[str, Any], where: str) -> PartT:
    try:
        return part.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "missing":
            raise InputError(f"{where}: {place}", "missing") from None
        raise InputError(f"{where}: {place}", f"{shown(repr(first['input']), 60)}: {first['msg']}") from None


def _machine(name: str, folder: Path) -> tuple[tuple[str, str], Description]:
    beside = folder / name
    if name.endswith(".toml") or is_regular(beside):
        return ("file", str(beside)), describe_machine(beside)
    return ("preset", name), describe_machine(name)


def _rows(file: FitFile, where: str) -> Iterator[Row]:
    yield from file.row
    if file.csv is None:
        return
    table = published(file.csv.name)
    where = f"{where}: csv"
    for column in (*file.csv.set, *file.csv.measured):
        if column not in table.rows[0]:
            raise InputError(where, f"{shown(column, 40)!r} is no column", allowed=", ".join(table.rows[0]))
    for fields in table.rows:
        settings = {key: _number(fields, column, where) for column, keys in file.csv.set.items() for key in keys}
        figures = {name: _number(fields, column, where) for column, name in file.csv.measured.items() if fields[column]}
        given = {key: int(value) if value.is_integer() else value for key, value in settings.items()}
        yield _validated(Row, {"set": given, "measured": figures}, where)


def _number(fields: Mapping[str, str], column: str, where: str) -> float:
    try:
        return float(fields[column])
    except ValueError:
        raise InputError(
            f"{where}: {column}", f"{shown(fields[column], 40)!r} is no number", allowed="a column of numbers"
        ) from None


def _case(file: FitFile, row: Row, number: int, where: str, machine: tuple[str, str], scale: float) -> Case:
    name = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in row.set.items()) or f"row {number + 1}"
    raw = _copy(file.experiment)
    asked = raw.setdefault("machine", {})
    if not isinstance(asked, dict):
        raise InputError(f"{where}: experiment.machine", f"{shown(repr(asked), 60)} is no table", allowed="a table, or nothing")
    asked[machine[0]] = machine[1]
    apply_values(raw, row.set, f"{where}: {name}")
    if "sweep" in raw:
        raise InputError(f"{where}: experiment.sweep", "a sweep", allowed="rows, which say what changes")
    workload = parse_experiment(raw, f"{where}: {name}").workload
    if workload.kind == "trace":
        raise InputError(f"{where}: {name}: workload.kind", "a trace, which has no such measures", allowed="a synthetic workload")
    for figure, value in row.measured.items():
        measure(figure, f"{where}: {name}")
        if value <= row.clock:
            raise InputError(f"{where}: {name}: {figure}", f"{value:g}", allowed=f"more than the clock's own {row.clock:g}")
    return Case(name, raw, {figure: (value - row.clock) * scale for figure, value in row.measured.items()})


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(entry) for key, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list) else value
