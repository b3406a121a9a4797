"""The experiment file: what it may say, in pydantic models, and one line for whatever it says wrong.

Frozen once read. Leaves out whether a machine has the CPUs asked for: the machine knows, and says so when it is built.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError, model_validator

from slabdes.errors import InputError, nearest

MAX_CPUS = 1024
"""The packed event key (time, CPU) has room for this many (DESIGN, "Exactness")."""
MAX_OBJECT_SIZE = 1 << 22
"""KMALLOC_MAX_SIZE with MAX_ORDER 11 and 4 KiB pages: orders 0 to 10."""
MAX_POINTS: Final = 10_000
"""Points of one sweep (assumed; each is validated before the first runs)."""
MAX_TASKS: Final = 100_000
"""Points times replications of one study (assumed)."""
_SHOWN: Final = 60
"""Characters of a refused value that an error shows (assumed)."""


class Frozen(BaseModel):
    """Base of every part of an experiment: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(f"{text[:_SHOWN]!r} has a line break or a control character; allowed: printable characters")
    return text


def _file_name(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError(f"{str(path)[:_SHOWN]!r} has a NUL character; allowed: a file's name")
    return path


def _sorted_set(value: Any) -> Any:
    """A list without repetitions, in the order of the alphabet, so that what is written of it never varies."""
    if isinstance(value, str) or not isinstance(value, list | tuple | set | frozenset):
        return value
    # What is no text is left for the enum to refuse.
    return tuple(sorted(set(value))) if all(isinstance(entry, str) for entry in value) else tuple(value)


# Numbers and truth values are taken as they stand: "3" and true are no numbers, and 1 is not true.
Whole = Annotated[int, Strict()]
Real = Annotated[float, Strict()]
Truth = Annotated[bool, Strict()]
Name = Annotated[str, AfterValidator(_printable)]
FileName = Annotated[Path, AfterValidator(_file_name)]


class EngineName(StrEnum):
    """Which engine runs an experiment; `auto` picks the fastest that is there."""

    AUTO = "auto"
    REFERENCE = "reference"
    COMPILED = "compiled"


class Placement(StrEnum):
    """Which CPUs a workload on fewer CPUs than the machine has runs on.

    `compact` fills a node's cores, then its cores' second threads, before the next node; `spread` goes round the nodes.
    """

    COMPACT = "compact"
    SPREAD = "spread"


class Discipline(StrEnum):
    """How a contended lock is handed over (DESIGN, "Time")."""

    TAS = "tas"
    TICKET = "ticket"
    QSPINLOCK = "qspinlock"
    CNA = "cna"


class AllocatorVersion(StrEnum):
    """Kernels whose allocator can be simulated."""

    V2_6_34 = "2.6.34"
    V4_6 = "4.6"
    V4_7 = "4.7"
    V6_1 = "6.1"


class Switch(StrEnum):
    """The 2016 series' changes to cache_grow and the refill, each on its own, over 2.6.34 or 4.6."""

    UNLOCKED_COLOUR = "unlocked_colour"
    PRIVATE_SLAB = "private_slab"
    UNLOCKED_LOOK = "unlocked_look"


class CacheFlag(StrEnum):
    """The kmem_cache_create flags that matter to geometry and placement."""

    HWCACHE_ALIGN = "HWCACHE_ALIGN"
    RECLAIM_ACCOUNT = "RECLAIM_ACCOUNT"
    MEM_SPREAD = "MEM_SPREAD"
    NOLEAKTRACE = "NOLEAKTRACE"
    TYPESAFE_BY_RCU = "TYPESAFE_BY_RCU"
    """Matters to 4.6 and later: free objects may not be written to."""


class MachineConfig(Frozen):
    """The machine: a preset's name or a file, what part of it the workload uses, and costs to override (ns)."""

    preset: Name | None = None
    """A machine that comes with slabdes (`slabdes machine list` names them), or `host`, this one. Either this or `file`."""
    file: FileName | None = None
    """A machine of one's own: our TOML, hwloc XML, the output of `numactl --hardware`, or a table of latencies (CSV)."""
    cpus: Annotated[int, Strict(), Field(ge=1, le=MAX_CPUS)] | None = None
    """CPUs that a synthetic workload runs on, all by default; `workload.cpus` and `workload.copies` place a trace."""
    placement: Placement = Placement.COMPACT
    """Which CPUs those are, for a synthetic workload."""
    memory_mib: Annotated[float, Strict(), Field(ge=0)] | tuple[Annotated[float, Strict(), Field(ge=0)], ...] | None = None
    """MiB each node's page allocator may hand out to caches; one number for every node or one a node. Default: the machine's."""
    costs: dict[str, Annotated[float, Strict(), Field(ge=0)]] = {}
    """Costs in ns in place of the machine's; `slabdes machine show` lists their names."""

    @model_validator(mode="after")
    def _one_source(self) -> MachineConfig:
        if (self.preset is None) == (self.file is None):
            raise ValueError("give either preset or file")
        return self


class CacheConfig(Frozen):
    """One cache, as kmem_cache_create takes it, with tunables where they are not to be the kernel's defaults.

    For a trace: a change to the trace's cache of that name. What it does not say stays as the trace has it; its size must agree.
    What it says goes before a slabinfo file, and that before the kernel's defaults.
    """

    name: Name = Field(min_length=1, max_length=64)
    """As /proc/slabinfo would show it; settings and sweeps may say cache.NAME.limit."""
    size: Annotated[int, Strict(), Field(ge=1, le=MAX_OBJECT_SIZE)] | None = None
    """Bytes of an object; by default as the trace, or the slabinfo file, has it."""
    align: Annotated[int, Strict(), Field(ge=0, le=4096)] = 0
    """Bytes, a power of two; 0 for none."""
    flags: Annotated[tuple[CacheFlag, ...], BeforeValidator(_sorted_set)] = ()
    """A list of the flags, each once, in any order; kept sorted."""
    ctor: Truth = False
    """Whether the cache has a constructor."""
    limit: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] | None = None
    """Objects that a CPU's array holds; by default as the kernel chooses by size."""
    batchcount: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] | None = None
    """Objects moved at a time between an array and the node; at most limit."""
    shared: Annotated[int, Strict(), Field(ge=0, le=1 << 10)] | None = None
    """Arrays' worth of objects that a node's CPUs share; 0 for no shared array."""

    @model_validator(mode="after")
    def _batchcount_within_limit(self) -> CacheConfig:
        if self.limit is not None and self.batchcount is not None and self.batchcount > self.limit:
            raise ValueError(f"batchcount {self.batchcount} is greater than limit {self.limit}; allowed: 1 to limit")
        if self.align & (self.align - 1):
            raise ValueError(f"align {self.align} is not a power of two; allowed: 0 or a power of two up to 4096")
        return self


class LockConfig(Frozen):
    """How contended locks are handed over."""

    discipline: Discipline = Discipline.QSPINLOCK
    """Who is next, and what handing over costs."""
    handoff_transfers: Annotated[float, Strict(), Field(ge=0, le=16)] | None = None
    """Line transfers of a qspinlock or cna hand-off; by default the machine's, whose calibration they belong to."""
    numa_spinlock_threshold_ns: Annotated[float, Strict(), Field(ge=0, le=1e12)] = 1e6
    """How long cna may pass waiters of other nodes over: 1 ms by default in version 15 of the patches (10 ms from version 10 on,
    65,536 hand-offs before)."""


class TimingConfig(Frozen):
    """Rules of the clock that an experiment may change."""

    jitter: Annotated[float, Strict(), Field(ge=0, le=0.9)] = 0.15
    """Local work varies uniformly by up to this share (assumed; without it a closed system falls into step)."""
    hz: Annotated[int, Strict(), Field(ge=100, le=10_000)] = 1000
    """Jiffies a second, for the reap timers."""
    spinners_slow_holder: Truth = True
    """Whether the holder's writes to the lock's line cost a transfer each while others spin on it."""
    posted_neighbour_writes: Truth = True
    """Whether a hold pays only the dearest of its writes to neighbours on lists, not each of them."""
    smt_siblings: Truth = True
    """Whether local work takes longer (smt_slowdown) while the workload uses both threads of a core."""
    first_touch: Truth = True
    """Whether an object or a descriptor costs extra where another CPU, or nobody, touched it last."""


class TimingRule(StrEnum):
    """Rules of the clock that can be left out, by their keys in [timing]."""

    SPINNERS_SLOW_HOLDER = "spinners_slow_holder"
    POSTED_NEIGHBOUR_WRITES = "posted_neighbour_writes"
    SMT_SIBLINGS = "smt_siblings"
    FIRST_TOUCH = "first_touch"
    JITTER = "jitter"


class ThinkKind(StrEnum):
    """How a think or hold time varies."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"


class InterruptKind(StrEnum):
    """When a CPU's interrupts come: at random, or every so often from a random beginning."""

    POISSON = "poisson"
    PERIODIC = "periodic"


class InterruptConfig(Frozen):
    """An interrupt source of each CPU that has a program, until that ends. Its handler works, allocates and frees.

    Like an edge-triggered line: one interrupt can be pending; others that come meanwhile are lost, and counted.
    """

    kind: InterruptKind = InterruptKind.POISSON
    """How they come."""
    mean_ns: Annotated[float, Strict(), Field(ge=1, le=1e12)]
    """Between two of them, on average."""
    cache: Name | None = None
    """Of the objects that a handler allocates, atomically; by default the workload's first."""
    objects: Annotated[int, Strict(), Field(ge=0, le=4096)] = 1
    """Allocated by each handler."""
    keep: Annotated[int, Strict(), Field(ge=0, le=1 << 20)] = 64
    """Objects that a CPU's handlers hold at most when one ends: the oldest beyond are freed, as from a ring of buffers."""
    work_ns: Annotated[float, Strict(), Field(ge=0, le=1e9)] = 1000.0
    """A handler's own work, entry and return included (assumed)."""


Nanoseconds = Annotated[float, Strict(), Field(ge=0, le=1e12)]
Count = Annotated[int, Strict(), Field(ge=1, le=10**12)]


class BurstWorkload(Frozen):
    """Every CPU makes `objects` allocations, then as many frees in the order of allocation, `rounds` times.

    What kernel developers' slab_test does (Christoph Lameter's in-kernel benchmark of 2007).
    """

    kind: Literal["burst"]
    objects: Count = 1000
    """Objects of each CPU."""
    rounds: Count = 1
    """How often it allocates and frees them all."""
    think_ns: Nanoseconds = 0.0
    """Before each operation."""
    barrier: Truth = False
    """Whether all CPUs finish allocating before any frees, as when slab_test is timed phase by phase."""


class MixWorkload(Frozen):
    """Every CPU allocates and frees at random around `live` objects of its own, with think time between."""

    kind: Literal["mix"]
    operations: Count = 10_000
    """Allocations and frees of each CPU, together."""
    live: Count = 200
    """Objects that a CPU holds, give or take."""
    think_ns: Nanoseconds = 100.0
    """Before each operation, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""


class ProducerConsumerWorkload(Frozen):
    """CPUs in pairs across nodes: one allocates, the other frees, with at most `window` objects in flight a pair."""

    kind: Literal["producer_consumer"]
    objects: Count = 10_000
    """Objects that each pair passes on."""
    window: Annotated[int, Strict(), Field(ge=1, le=1 << 20)] = 64
    """Objects in flight at most, a pair."""
    think_ns: Nanoseconds = 100.0
    """Before each operation of either side, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""


class CriticalSectionWorkload(Frozen):
    """No allocator: every CPU thinks, takes the one lock, holds it and releases it, `operations` times."""

    kind: Literal["critical_section"]
    operations: Count = 10_000
    """Times that each CPU takes the lock."""
    think_ns: Nanoseconds = 1000.0
    """Before each attempt, the mean."""
    think: ThinkKind = ThinkKind.EXPONENTIAL
    """How think times vary around their mean."""
    hold_ns: Nanoseconds = 100.0
    """For which the lock is held, the mean."""
    hold: ThinkKind = ThinkKind.EXPONENTIAL
    """How hold times vary around their mean."""


class PagesWorkload(Frozen):
    """No caches: every CPU takes `blocks` blocks of 2**order pages of its node from the page allocator, then gives them back.

    The page allocator half of the same in-kernel benchmark.
    """

    kind: Literal["pages"]
    order: Annotated[int, Strict(), Field(ge=0, le=10)] = 0
    """A block's size: 2**order pages. Order 0 goes through per-CPU lists, the others take the zone lock."""
    blocks: Count = 1000
    """Blocks that each CPU takes before it gives any back."""
    rounds: Count = 1
    """How often it takes and gives them all."""
    barrier: Truth = False
    """Whether all CPUs finish taking before any gives back."""


class TraceWorkload(Frozen):
    """A real kmem trace, replayed; see `slabdes replay --help` for what each setting does."""

    kind: Literal["trace"]
    file: FileName
    """ftrace, perf script or trace-cmd report text, plain or gzip."""
    caches: tuple[Name, ...] = ()
    """Names of the caches to replay; none means all of the trace."""
    copies: Annotated[int, Strict(), Field(ge=1, le=MAX_CPUS)] = 1
    """Copies of the traced system, side by side on further CPUs."""
    think: str = Field(
        default="recorded",
        pattern=r"^(recorded|none|[0-9]+(\.[0-9]+)?x)$",
        description="recorded, none, or a factor such as 0.1x",
    )
    """Times between operations: as recorded, none, or recorded ones times a factor."""
    cpus: Name = "compact"
    """`compact`, `spread`, `1:1`, or a map such as `0:0,1:24`."""
    from_dump: FileName | None = None
    """A dump of a real 6.1 allocator: the caches begin in its (first) state. Needs allocator 4.6 or later."""


Workload = Annotated[
    BurstWorkload | MixWorkload | ProducerConsumerWorkload | CriticalSectionWorkload | PagesWorkload | TraceWorkload,
    Field(discriminator="kind"),
]


class Experiment(Frozen):
    """One experiment: a machine, caches, a workload, and how often. A sweep holds several; see `expand`."""

    name: Name = Field(default="experiment", min_length=1, max_length=100)
    """In titles and in the manifest; the run folder is named by the file."""
    seed: Annotated[int, Strict(), Field(ge=0, lt=1 << 63)] = 1
    """Of every random stream."""
    replications: Annotated[int, Strict(), Field(ge=1, le=10_000)] = 1
    """Runs with random streams of their own; intervals come from them."""
    engine: EngineName = EngineName.AUTO
    """All engines give the same results."""
    allocator: AllocatorVersion = AllocatorVersion.V2_6_34
    """The kernel whose allocator runs."""
    switches: Annotated[tuple[Switch, ...], BeforeValidator(_sorted_set)] = ()
    """Changes of the 2016 series, each on its own."""
    noaliencache: Truth = False
    """As the kernel's boot option: no alien caches."""
    slabinfo: FileName | None = None
    """A real /proc/slabinfo: caches that it names have its size and tunables, where the experiment does not say otherwise."""
    debug: Truth = False
    """Check every invariant of the allocator whenever no CPU is on a slow path, and when the run ends (slow)."""
    log: Truth = False
    """Keep every operation and every hold of a lock in the run folder: see `results/event_log`. Takes time and disk."""
    machine: MachineConfig
    cache: tuple[CacheConfig, ...] = ()
    """The caches that a synthetic workload uses, or changes to a trace's; see CacheConfig."""
    lock: LockConfig = LockConfig()
    timing: TimingConfig = TimingConfig()
    interrupts: InterruptConfig | None = None
    """None unless given."""
    workload: Workload
    sweep: dict[str, tuple[Any, ...]] = {}
    """Dotted keys to lists of values: every combination is a point."""

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        names = [cache.name for cache in self.cache]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"cache name {name!r} is given {names.count(name)} times; allowed: once")
        for key, values in self.sweep.items():
            if not values:
                raise ValueError(f"sweep {key} has no values; allowed: a list of at least one")
        if (points := math.prod(map(len, self.sweep.values()))) > MAX_POINTS:
            raise ValueError(f"sweep has {points} points; allowed: at most {MAX_POINTS}")
        if self.workload.kind == "trace":
            self._check_trace(self.workload)
        if self.workload.kind == "trace" and self.workload.from_dump and self.allocator is AllocatorVersion.V2_6_34:
            raise ValueError("workload.from_dump needs the slab layout of allocator 4.6 or later; allowed: 4.6, 4.7, 6.1")
        sizeless = [cache.name for cache in self.cache if cache.size is None]
        if sizeless and self.slabinfo is None and self.workload.kind != "trace":
            raise ValueError(f"cache {sizeless[0]!r} has no size; allowed: a size, or a slabinfo file that has the cache")
        if not names and self.workload.kind in ("burst", "mix", "producer_consumer"):
            raise ValueError(f"workload {self.workload.kind} needs a [[cache]]")
        return self

    def _check_trace(self, trace: TraceWorkload) -> None:
        """What else an experiment may say is about synthetic workloads: refused, not ignored."""
        placed = "allowed: workload.cpus and workload.copies, which place a trace"
        if self.machine.cpus is not None:
            raise ValueError(f"machine.cpus {self.machine.cpus} with a trace; {placed}")
        if self.machine.placement is not Placement.COMPACT:
            raise ValueError(f"machine.placement {self.machine.placement.value!r} with a trace; {placed}")
        if trace.from_dump and self.cache:
            raise ValueError(
                f"[[cache]] {self.cache[0].name!r} with workload.from_dump; allowed: the dump's own caches, none here"
            )


def without_rule(experiment: Experiment, rule: TimingRule) -> Experiment:
    """The same experiment with one rule of the clock left out."""
    off: float | bool = 0.0 if rule is TimingRule.JITTER else False
    return experiment.model_copy(update={"timing": experiment.timing.model_copy(update={rule.value: off})})


def load_experiment(path: Path, settings: Iterable[str] = (), caches: Sequence[str] = ()) -> Experiment:
    """Read the TOML file `path`, apply `key=value` settings, validate. Relative files are taken from its folder.

    With `caches` the experiment's caches are those, as its [[cache]] tables of these names say, in place of all others.
    Raises InputError, in one line, for a file that cannot be read, is not TOML, or says something not allowed.
    """
    raw = _toml(_text(path), str(path))
    _resolve_files(raw, path.parent)
    if caches:
        _choose_caches(raw, caches)
    apply_settings(raw, settings)
    return parse_experiment(raw, str(path))


def _choose_caches(raw: dict[str, Any], names: Sequence[str]) -> None:
    workload, tables = raw.get("workload"), raw.get("cache")
    if isinstance(workload, dict) and workload.get("kind") == "trace":
        raise InputError(f"--cache {names[0]}", "the workload is a trace", allowed='--set workload.caches=["NAME"]')
    said = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    raw["cache"] = [next((table for table in said if table.get("name") == name), {"name": name}) for name in dict.fromkeys(names)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), allowed="a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", allowed="TOML, which is UTF-8 text") from None
    except ValueError as error:  # a NUL in the name
        raise InputError(repr(str(path)), str(error), allowed="a file name") from None


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(where, "not TOML: nested too deeply") from None
    except ValueError as error:
        # After a semicolon Python advises its programmer (numbers of thousands of digits), not our user.
        raise InputError(where, f"not TOML: {str(error).partition(';')[0]}") from None


def parse_experiment(raw: Mapping[str, Any], where: str) -> Experiment:
    """Validate a mapping as an Experiment, every point of its sweep included; `where` begins any error."""
    try:
        experiment = _validate(raw, where)
    except RecursionError:
        raise InputError(where, "nested too deeply", allowed="tables and lists a few levels deep") from None
    for _point in expand(experiment, where):
        pass
    return experiment


def expand(experiment: Experiment, where: str = "sweep") -> Iterator[tuple[dict[str, Any], Experiment]]:
    """The points of an experiment's sweep, in file order, the last key fastest: what was set, and the experiment.

    Without a sweep there is one point, which sets nothing. Raises InputError for a key that is not there or a bad value.
    """
    base = experiment.model_dump(mode="json", exclude={"sweep"}, exclude_unset=True)
    keys = list(experiment.sweep)
    for values in itertools.product(*experiment.sweep.values()):
        raw = _deep_copy(base)
        for key, value in zip(keys, values, strict=True):
            _put(raw, key, value, f"{where}: sweep")
        yield (
            dict(zip(keys, values, strict=True)),
            _validate(raw, f"{where}: sweep {dict(zip(keys, values, strict=True))}" if keys else where),
        )


def _validate(raw: Mapping[str, Any], where: str) -> Experiment:
    try:
        return Experiment.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _first_error(first, where) from None


def _first_error(first: Any, where: str) -> InputError:
    # pydantic names the member of a union that it tried; no key of an experiment has a dash.
    parts = [part for part in first["loc"] if part not in _WORKLOADS and "-" not in str(part)]
    key = ".".join(str(part) for part in parts)
    place = f"{where}: {key}" if key else where
    context = first.get("ctx", {})
    match first["type"]:
        case "extra_forbidden":
            known = _known_keys(first["loc"][:-1])
            return InputError(place, f"unknown key{nearest(str(parts[-1]), known)}", allowed=", ".join(known))
        case "missing":
            return InputError(place, "missing")
        case "value_error":
            return InputError(place, str(context["error"]))
        case "union_tag_invalid":
            tag = context["tag"]
            return InputError(
                f"{place}.kind", f"{tag!r} is not a workload{nearest(tag, _WORKLOADS)}", allowed=", ".join(_WORKLOADS)
            )
        case "union_tag_not_found":
            return InputError(f"{place}.kind", "missing", allowed=", ".join(_WORKLOADS))
        case "enum":
            return InputError(place, f"{_shown(first['input'])} is not one of them", allowed=context["expected"])
        case "greater_than_equal" | "less_than_equal" | "greater_than" | "less_than":
            return InputError(place, f"{_shown(first['input'])} is out of range", allowed=_range(first["loc"]))
        case "string_pattern_mismatch":
            return InputError(place, f"{_shown(first['input'])} is none of them", allowed=_schema(first["loc"])["description"])
        case "string_too_long":
            return InputError(
                place, f"{_shown(first['input'])} of {len(first['input'])} characters", allowed=f"at most {context['max_length']}"
            )
        case _:
            allowed = _ALLOWED.get(first["type"], first["msg"])
            return InputError(place, f"{_shown(first['input'])} is not allowed", allowed=allowed)


def _shown(value: Any) -> str:
    """A refused value as an error shows it: the beginning of it, if it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a hexadecimal number of thousands of digits; tables in tables in tables
        return "what is given"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _schema(location: tuple[Any, ...]) -> dict[str, Any]:
    """The JSON schema of the field that an error's location names, or a part of which it names."""
    named = [part for part in location if isinstance(part, str)]
    for end in range(len(named), 0, -1):
        model = _MODELS.get(named[end - 2], Experiment) if end > 1 else Experiment
        if named[end - 1] in model.model_fields:
            return dict(model.model_json_schema()["properties"][named[end - 1]])
    return {}


def _range(location: tuple[Any, ...]) -> str:
    """What a number may be, both bounds where there are two."""
    schema = _schema(location)
    for part in (schema, schema.get("additionalProperties", {}), *schema.get("anyOf", ())):
        if "minimum" in part:
            most = part.get("maximum", part.get("exclusiveMaximum", 0) - 1)
            return f"{part['minimum']} to {most}" if most > 0 else f"at least {part['minimum']}"
    return "another number"


_ALLOWED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text, in quotes",
    "string_too_short": "at least one character",
    "tuple_type": "a list",
    "int_parsing_size": "a number of fewer digits",
    "string_unicode": "text without halves of characters",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "path_type": "a file's name, in quotes",
}
"""What an experiment file may say where pydantic's own words are of Python."""
_WORKLOADS = ("burst", "mix", "producer_consumer", "critical_section", "pages", "trace")
_MODELS: dict[str, type[Frozen]] = {
    "machine": MachineConfig,
    "cache": CacheConfig,
    "lock": LockConfig,
    "timing": TimingConfig,
    "interrupts": InterruptConfig,
    "burst": BurstWorkload,
    "mix": MixWorkload,
    "producer_consumer": ProducerConsumerWorkload,
    "critical_section": CriticalSectionWorkload,
    "pages": PagesWorkload,
    "trace": TraceWorkload,
}


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    named = [part for part in location if isinstance(part, str)]
    model = _MODELS[named[-1]] if named else Experiment
    return list(model.model_fields)


def apply_settings(raw: dict[str, Any], settings: Iterable[str]) -> None:
    """Change `raw` as `key=value` settings say, dotted keys and TOML values; a key that is set is no longer swept.

    Files that a setting names are taken from the current folder. Raises InputError for one that is no setting.
    """
    for setting in settings:
        _set(raw, setting)


def _set(raw: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {setting}", "not of the form key=value", allowed="for example machine.cpus=8")
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    except (RecursionError, ValueError):
        raise InputError(f"--set {key.strip()[:_SHOWN]}", "nested too deeply, or a number of thousands of digits") from None
    swept = raw.get("sweep")
    if isinstance(swept, dict):
        swept.pop(key.strip(), None)
    _put(raw, key.strip(), value, f"--set {setting}")


def _put(raw: dict[str, Any], dotted: str, value: Any, where: str) -> None:
    parts = dotted.split(".")
    place: Any = raw
    for part in parts[:-1]:
        place = _step(place, part, where)
    if isinstance(place, list):
        place[_index(place, parts[-1], where)] = value
    elif isinstance(place, dict):
        place[parts[-1]] = value
    else:
        raise InputError(where, f"{parts[-1]!r} is inside a value that is not a table")


def _step(place: Any, part: str, where: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, where)]
    if not isinstance(place, dict):
        raise InputError(where, f"{part!r} is inside a value that is not a table")
    return place.setdefault(part, {})


def _index(place: list[Any], part: str, where: str) -> int:
    if part.isdecimal() and int(part) < len(place):
        return int(part)
    named = [index for index, entry in enumerate(place) if isinstance(entry, dict) and entry.get("name") == part]
    if not named:
        raise InputError(where, f"{part!r} is not in the list", allowed=f"0 to {len(place) - 1}, or a name")
    return named[0]


def _resolve_files(raw: dict[str, Any], folder: Path) -> None:
    for part in ("machine", "workload"):
        table = raw.get(part)
        for key in ("file", "from_dump"):
            if isinstance(table, dict) and isinstance(table.get(key), str):
                table[key] = str(folder / table[key])
    if isinstance(raw.get("slabinfo"), str):
        raw["slabinfo"] = str(folder / raw["slabinfo"])


def _deep_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep_copy(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_deep_copy(entry) for entry in value]
    return value
