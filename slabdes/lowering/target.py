# SPDX-License-Identifier: GPL-2.0-only
"""What the pass is told about those who use it: where records lie, which modules hold paths, who does what paths ask for.

Leaves out what follows from annotations: the kinds of fields, arguments and results, and which calls wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Where the records of one class lie: `text` is an expression over `run` that is indexed by a record's number.

    `fields` are the attributes that the memory has.
    """

    record: type
    name: str
    text: str
    fields: frozenset[str]


@dataclass(frozen=True)
class Target:
    """One use of the pass.

    `modules` hold the paths and their helpers. `kernel` is the class of their first parameter: its annotated attributes are
    groups of the run's fields or flat lists, its methods are services. `cpu` is the class of the second.
    `services` are modules in which the services are found, by their names, as functions of the run, the CPU and the
    arguments; beside them function, inline, call, end_of_path, GO and CALLED. They are not imported: they may import what comes
    of this. `shared` are packages whose functions are called as they are, with records and flat lists.
    `entries` are the paths that are begun from outside. A path of `at_once` is begun by its caller, any other by the driver.
    """

    name: str
    modules: tuple[str, ...]
    kernel: type
    cpu: type
    tables: tuple[Table, ...]
    services: tuple[str, ...]
    shared: tuple[str, ...]
    entries: tuple[str, ...]
    run_fields: frozenset[str]
    cpu_fields: frozenset[str]
    rest: tuple[str, ...] = ()
    """More entries, which have a dispatcher of their own: `follow_rest`."""
    at_once: frozenset[str] = frozenset()
    helpers: tuple[str, ...] = ()
    """Helpers without waits that are asked for from outside, too."""
    own_numbers: frozenset[tuple[str, str]] = frozenset()
    """Attributes (class, name) that hold their record's own number."""
    parts: frozenset[tuple[str, str]] = frozenset()
    """Attributes (class, name) that hold a record of its owner's own: it has the owner's number."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """The run's name of a group's field ("Layout.list_lock") where it is not the field's own."""
    flat: Mapping[str, str] = field(default_factory=dict)
    """Where a flat list of integers lies ("SlabState.words"), as an expression over `run`."""
    stand_for: Mapping[str, str] = field(default_factory=dict)
    """Services that are paths or helpers themselves, by the name that these have in the modules.

    Where one is asked for as the service `x`, `write_x` is called first, with the same arguments, if `services` define it.
    """
    declared: str = "the run's record"
    """Where compiled memory's fields are declared, for who reads one that is not there."""
    first_number: int = 1
    """Of the paths: those below are the driver's own."""
