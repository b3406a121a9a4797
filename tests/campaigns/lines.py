# SPDX-License-Identifier: GPL-2.0-only
"""Command lines of every command as people give them, and every way of getting one wrong, by a generator of random numbers.

Files that they name come from the seeds of `table`. Leaves out running them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from mutations import mutated, packed, word

FOLDER: Final = b"a folder"
PIPE: Final = b"a pipe"
ZERO: Final = b"an endless device"
MISSING: Final = b"nothing"
PLACES: Final = (FOLDER, PIPE, ZERO, MISSING)
"""What may be where a file should."""

Seeds = Mapping[str, Sequence[Mapping[str, bytes]]]
"""Files by what they are of (`experiments`, `machines`, ...); each of the several is a small folder of them."""


@dataclass(frozen=True)
class Line:
    """One try: arguments, files beside it by their names, the environment, what is where a file should be."""

    arguments: tuple[bytes, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    places: Mapping[str, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> str:
        """For a person to see and a shell to take."""
        parts = [*(f"{name}={value!r}" for name, value in self.environment.items()), "slabdes"]
        parts += [ascii(argument[:300].decode("utf-8", "surrogateescape")) for argument in self.arguments]
        return " ".join([*parts, *(f"[{name}: {what.decode()}]" for name, what in self.places.items())])


SETTINGS: Final = (
    *("workload.objects=5", "machine.cpus=2", "machine.cpus=1", "seed=7", "replications=2", "cache.0.size=64", "cache.0.limit=4"),
    *(
        "cache.0.batchcount=2",
        "cache.0.shared=0",
        "cache.0.align=64",
        "cache.0.ctor=true",
        "cache.0.name=foo",
        "workload.rounds=2",
    ),
    *("cache.0.flags=['HWCACHE_ALIGN']", "cache.size-256.limit=8", "machine.preset=uma-4", "machine.placement=compact"),
    *("machine.memory_mib=4", "machine.memory_mib=[1, 2]", "machine.costs.lock_op=3.5", "machine.costs.ipi=0", "timing.jitter=0"),
    *("timing.hz=250", "timing.first_touch=false", "lock.discipline=ticket", "lock.discipline=cna", "lock.handoff_transfers=5"),
    *("workload.kind=mix", "workload.kind=pages", "workload.kind=producer_consumer", "workload.kind=critical_section"),
    *(
        "workload={kind='mix',operations=20}",
        "workload.think_ns=50.5",
        "workload.bulk=3",
        "workload.barrier=true",
        "workload.live=3",
    ),
    *(
        "interrupts={mean_ns=1000}",
        "interrupts.mean_ns=500.0",
        "interrupts={mean_ns=900,kind='periodic'}",
        "allocator=6.1",
        "log=true",
    ),
    *(
        "allocator='4.6'",
        "switches=['private_slab']",
        "noaliencache=true",
        "debug=true",
        "engine=reference",
        "name=x",
        "sweep={}",
    ),
    *("sweep={'machine.cpus'=[1,2]}", "sweep={interrupts=[{mean_ns=900},{mean_ns=400}]}", "sweep={machine=[{preset='uma-4'}]}"),
    *("slabinfo=s.txt", "machine.file=m.toml", "workload.copies=2", "workload.think=none", "workload.cpus=spread", "cache=[]"),
)
"""Settings that mean something, not all of them together."""
KEYS: Final = tuple(dict.fromkeys(setting.partition("=")[0] for setting in SETTINGS))
VALUES: Final = tuple(dict.fromkeys(setting.partition("=")[2] for setting in SETTINGS))
NAMES: Final = (
    *(
        b"\xff",
        b"a\xff.toml",
        b"a\x1b[31m",
        b"\x1b]0;t\x07",
        b"a\nb",
        b"\xe2\x80\xaex",
        b"[bold]x[/bold]",
        b"[/]",
        b"$x^2$",
        b"-",
        b"--",
    ),
    *(
        b"-x",
        b"..",
        b"a b",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"\xc2\x9b31m",
        b"%s%n",
        b"{0}",
        b"x" * 250,
        b"y" * 300,
        b".hidden",
    ),
    *(
        b"CON",
        b"a" * 100 + b".txt.gz",
        b"\xe6\x9c\xba",
        b"\xcc\x81",
        b"\xe2\x80\xa8",
        b"host",
        b"all",
        b"/",
        b".",
        b"a/b/c",
        b"_x",
        b"\x7f",
    ),
)
"""Names that files, caches, machines and experiments seldom have."""
WIDTHS: Final = ("0", "1", "20", "-1", "x", "", "\u00b2", "1000000000", "9" * 5000)
ENVIRONMENTS: Final = (
    *({"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "ascii:strict"}, {"PYTHONIOENCODING": "latin-1"}),
    *(
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "nonsense"},
        {"TERM": "dumb"},
        {"NO_COLOR": "1"},
    ),
    *({"COLUMNS": width} for width in WIDTHS),
    *(
        {"LINES": "x"},
        {"LINES": "\u00b2"},
        {"HOME": "/nowhere"},
        {"TMPDIR": "/nowhere"},
        {"XDG_CACHE_HOME": "/dev/null"},
        {"LANG": ""},
    ),
)
"""What a terminal may have set."""

Maker = Callable[[Random, Seeds], Line]


def some(random: Random, *options: Sequence[bytes]) -> list[bytes]:
    """Some of the options, each of which may be several words."""
    return [part for option in options if random.random() < 0.25 for part in option]


def settings(random: Random) -> list[bytes]:
    """A few settings, as options."""
    return [part for _one in range(random.choice((0, 0, 1, 1, 2, 3))) for part in (b"--set", random.choice(SETTINGS).encode())]


def run(random: Random, seeds: Seeds) -> Line:
    """An experiment, made small."""
    files = dict(random.choice(seeds["experiments"]))
    small = [b"--set", b"machine.cpus=2", b"--set", b"workload.objects=5", b"--set", b"replications=1", b"--set", b"sweep={}"]
    options = some(random, [b"--json"], [b"--out", b"out"], [b"--resume"], [b"--engine", b"reference"], [b"--cache", b"size-256"])
    options += some(random, [b"--slabinfo", b"s.txt"], small, small)
    if b"--slabinfo" in options:
        files["s.txt"] = random.choice(seeds["slabinfo"])["slabinfo.txt"]
    return Line((b"run", b"e.toml", b"--jobs", b"1", *options, *settings(random)), files)


def replay(random: Random, seeds: Seeds) -> Line:
    """A short trace."""
    files = dict(random.choice(seeds["traces"]))
    name = os.fsencode(next(iter(files)))
    machine = random.choice((b"numa-2x4", b"xeon-2s", b"uma-8", b"m.toml"))
    cache = random.choice((b"all", b"all", b"skbuff_head_cache", b"kmalloc-64"))
    options = some(random, [b"--json"], [b"--out", b"out"], [b"--copies", b"2"], [b"--think", b"0.5x"], [b"--think", b"none"])
    options += some(random, [b"--cpus", b"spread"], [b"--cpus", b"0:0,1:4"], [b"--seed", b"3"], [b"--allocator", b"6.1"])
    options += some(random, [b"--replications", b"2"], [b"--slabinfo", b"s.txt"], [b"--from-dump", b"dump.txt"])
    if machine == b"m.toml":
        files["m.toml"] = random.choice(seeds["machines"])["machine"]
    if b"--slabinfo" in options:
        files["s.txt"] = random.choice(seeds["slabinfo"])["slabinfo.txt"]
    if b"--from-dump" in options:
        files["dump.txt"] = random.choice(seeds["dumps"])["dump.txt"]
    return Line((b"replay", name, b"--cache", cache, b"--machine", machine, b"--jobs", b"1", *options, *settings(random)), files)


def of_a_run(random: Random, seeds: Seeds) -> Line:
    """What is done with a run that was made before."""
    files = dict(seeds["runs"][0])
    command = random.choice((b"plot", b"slabinfo", b"lock-stat", b"slabinfo", b"lock-stat", b"compare", b"compare"))
    options = {
        b"plot": some(random, [b"--out", b"figures"]),
        b"compare": random.choice(([b"run"], [b"--by", b"cpus"], [b"--by", b"machine"], [b"run", b"--by", b"x"], [])),
    }.get(command, some(random, [b"--point", b"0"], [b"--point", b"9"], [b"--replication", b"1"]))
    return Line((command, b"run", *options, *some(random, [b"--json"])), files)


def machine(random: Random, seeds: Seeds) -> Line:
    """A machine, listed, shown or imported."""
    command = random.choice((b"list", b"show", b"show", b"import", b"import"))
    if command == b"list":
        return Line((b"machine", b"list", *some(random, [b"--json"])))
    files = dict(random.choice(seeds["machines"]))
    name = random.choice((b"machine", b"machine", b"machine", b"uma-4", b"xeon-vm-1cpu", b"numa-2x4", b"host"))
    options = some(random, [b"--json"])
    if command == b"import":
        options += [b"-o", b"out.toml"]
        if random.random() < 0.3:
            files = dict(random.choice(seeds["latencies"]))
            options += [b"--latencies", b"latencies.csv"]
    else:
        options += random.choice(([b"--json"], [b"--json"], [b"--out", b"m.png"]))
    return Line((b"machine", command, name, *options), files)


def conform(random: Random, seeds: Seeds) -> Line:
    """A recording of the real allocator, or a folder of them."""
    files = dict(random.choice(seeds["recordings"]))
    path = random.choice((next(iter(files)).encode(), b"."))
    return Line((b"conform", path, *some(random, [b"--print"], [b"--json"], [b"--engine", b"reference"])), files)


def geometry(random: Random, _seeds: Seeds) -> Line:
    """Sizes."""
    sizes = [
        str(random.choice((1, 8, 32, 100, 256, 4096, 100_000, 4 << 20))).encode() for _size in range(random.choice((1, 2, 5)))
    ]
    options = some(random, [b"--json"], [b"--cpus", b"8"], [b"--nodes", b"2"], [b"--align", b"64"], [b"--allocator", b"6.1"])
    options += some(random, [b"--flags", b"HWCACHE_ALIGN|RECLAIM_ACCOUNT"], [b"--bigmem", b"0"], [b"--no-bigmem"])
    return Line((b"geometry", *sizes, *options))


def fit(random: Random, seeds: Seeds) -> Line:
    """A table of measurements."""
    files = dict(random.choice(seeds["fits"]))
    return Line((b"fit", b"fit.toml", *some(random, [b"--json"], [b"--out", b"fitted.toml"], [b"--jobs", b"1"])), files)


def other(random: Random, _seeds: Seeds) -> Line:
    """Commands that take minutes when they are right, wrong; and help."""
    return Line(
        random.choice(
            (
                (b"bench", b"--scenario", b"nothing"), (b"bench", b"--part", b"x"), (b"bench", b"--operations", b"1e99"),
                (b"bench", b"--cpus", b"6000"), (b"bench", b"--rounds", b"0"), (b"validate", b"nothing"),
                (b"validate", b"--without", b"nothing"), (b"validate", b"--out", b"/dev/null/x"), (b"--help",), (b"machine",), (),
                (b"run", b"--help"), (b"replay", b"--help"), (b"nothing",), (b"machine", b"nothing"), (b"--version",),
                (b"geometry",),
            )
        )
    )  # fmt: skip


MAKERS: Final[tuple[tuple[Maker, int], ...]] = (
    (run, 30), (replay, 16), (of_a_run, 14), (machine, 14), (conform, 10), (geometry, 8), (fit, 4), (other, 4),
)  # fmt: skip
"""Every kind of command line, and how often it comes."""


def drawn(random: Random, seeds: Seeds) -> Line:
    """A command line, mostly with something wrong."""
    maker = random.choices([maker for maker, _share in MAKERS], [share for _maker, share in MAKERS])[0]
    line = maker(random, seeds)
    for _change in range(random.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        line = random.choices([change for change, _share in CHANGES], [share for _change, share in CHANGES])[0](line, random)
    # The system takes no NUL, nor more than 128 KiB in one argument.
    return replace(line, arguments=tuple(argument.replace(b"\0", b"")[:100_000] for argument in line.arguments))


def _file(line: Line, random: Random) -> Line:
    if not line.files:
        return _argument(line, random)
    name = random.choice(sorted(line.files))
    if name.startswith("run/"):
        name = random.choice([name for name in sorted(line.files) if name.endswith((".json", "points.parquet"))] or [name])
    change = packed if name.endswith(".gz") and random.random() < 0.3 else None
    data = line.files[name]
    broken = change(data, random) if change else mutated(data, random, list(line.files.values()))
    return replace(line, files={**line.files, name: broken})


def _argument(line: Line, random: Random) -> Line:
    arguments = list(line.arguments) or [b"run"]
    at, other_one = random.randrange(len(arguments)), random.randrange(len(arguments))
    match random.randrange(7):
        case 0:
            del arguments[at]
        case 1:
            arguments.insert(at, arguments[other_one])
        case 2:
            arguments[at], arguments[other_one] = arguments[other_one], arguments[at]
        case 3 | 4:
            arguments[at] = word(random)
        case 5:
            arguments.insert(at, random.choice(NAMES))
        case _:
            arguments[at] = mutated(arguments[at], random, arguments)
    return replace(line, arguments=tuple(arguments))


def _option(line: Line, random: Random) -> Line:
    options = (
        (b"--json",), (b"--jobs", b"0"), (b"--jobs", b"6000"), (b"--cpus", b"6000"), (b"--nodes", b"6000"), (b"--align", b"3"),
        (b"--copies", b"1000000"), (b"--seed", b"-1"), (b"--seed", b"9" * 5000), (b"--replications", b"100000000000"),
        (b"--point", b"-1"), (b"--think", b"1e9x"), (b"--think", b"9" * 400 + b"x"), (b"--out", b"."), (b"--out", b"/dev/null"),
        (b"--out", b"e.toml/x"), (b"--out", b""), (b"--out", b"/"), (b"--machine", b""), (b"--cache", b""), (b"--by", b""),
        (b"--resume",), (b"--engine", b""), (b"--allocator", b"6.2"), (b"--slabinfo", b"/dev/zero"), (b"--flags", b"|||"),
        (b"--from-dump", b"/dev/zero"), (b"--cpus", b"0:" + b"9" * 5000), (b"--latencies", b"/proc/self/mem"), (b"--", b"x"),
    )  # fmt: skip
    return replace(line, arguments=(*line.arguments, *random.choice(options)))


def _setting(line: Line, random: Random) -> Line:
    if not line.arguments or line.arguments[0] not in (b"run", b"replay"):
        return _argument(line, random)
    key, value = random.choice(KEYS).encode(), random.choice(VALUES).encode()
    match random.randrange(8):
        case 0:
            key = word(random)
        case 1:
            value = word(random)
        case 2:
            value = b"[" * random.choice((3, 20, 5000)) + word(random)
        case 3:
            key = b".".join([key, *[random.choice((b"a", b"0", b"", b"name"))] * random.choice((1, 2, 20, 30_000))])
        case 4:
            value = b"'" + random.choice(NAMES) + b"'"
        case 5:
            value = b"sweep={'" + key + b"'=[" + value + b"," + random.choice(VALUES).encode() + b"]}"
            key, _, value = value.partition(b"=")
        case 6:
            value = random.choice(
                (b"1000000000000", b"1e12", b"1e308", b"-1", b"[1,2,3]", b"{a={b=1}}", b"nan", b"inf", b"1979-05-27")
            )
        case _:
            key = mutated(key, random)
    return replace(line, arguments=(*line.arguments, b"--set", key + b"=" + value))


def _name(line: Line, random: Random) -> Line:
    """A file under an odd name, wherever it is named."""
    named = [name for name in line.files if os.fsencode(name) in line.arguments]
    if not named:
        return _argument(line, random)
    old, new = random.choice(named), random.choice(NAMES)
    old_bytes = os.fsencode(old)
    as_text = os.fsdecode(new)
    if new in (b"/", b".", b"..", b"-", b"--", b"a/b/c") or len(new) > 255:
        return replace(line, arguments=tuple(new if argument == old_bytes else argument for argument in line.arguments))
    files = {as_text if name == old else name: data for name, data in line.files.items()}
    return replace(line, files=files, arguments=tuple(new if one == old_bytes else one for one in line.arguments))


def _environment(line: Line, random: Random) -> Line:
    return replace(line, environment={**line.environment, **random.choice(ENVIRONMENTS)})


def _place(line: Line, random: Random) -> Line:
    """Something else where a file should be, or where one is to be written."""
    outputs = ["out", "m.png", "out.toml", "fitted.toml", "figures", "runs"]
    name = random.choice([*sorted(line.files)[:3], random.choice(outputs)])
    files = {known: data for known, data in line.files.items() if known != name}
    return replace(line, files=files, places={**line.places, name: random.choice(PLACES)})


CHANGES: Final = ((_file, 30), (_argument, 18), (_option, 10), (_setting, 22), (_name, 8), (_environment, 12), (_place, 6))
"""Everything that may be wrong, and how often it is."""
