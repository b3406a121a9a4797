# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment comes to: its points, each with its machine and workload, worked out and checked before anything runs.

Leaves out running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slabdes.config import MAX_TASKS, CacheConfig, Experiment, TraceWorkload, points_of
from slabdes.config.workloads import writes_objects
from slabdes.engine.laid_out import laid_out
from slabdes.engine.setup import cache_spec, geometry_of, recorded_nodes, recorded_state, sized, slub_version_of, version_of
from slabdes.engine.slub_setup import below_size, slub_geometry_of
from slabdes.errors import InputError, refusing, shown
from slabdes.machine import load_machine
from slabdes.machine.topology import Machine
from slabdes.study.effort import effort
from slabdes.study.memory import check_machines
from slabdes.study.names import name_apart
from slabdes.study.spools import Phase, Spools
from slabdes.units import MAX_RUN_PS, PS_PER_S
from slabdes.workload.programs import Workload
from slabdes.workload.slab_sysfs import SlabSysfs, read_slab_sysfs
from slabdes.workload.slabinfo import Slabinfo, read_slabinfo
from slabdes.workload.synthetic import build_synthetic
from slabdes.workload.synthetic import known_span_ps as synthetic_span_ps
from slabdes.workload.trace.replay import known_span_ps as trace_span_ps
from slabdes.workload.trace.replay import overlaid, trace_workload
from slabdes.workload.trace.spool import Spool


@dataclass(frozen=True)
class PlannedPoint:
    """One point: what the sweep sets, the experiment that results, its machine, and how much there is to do.

    `cpus` run programs; `operations` are the steps of one replication, `effort` what that costs the reference (there);
    `spool` is the trace's, where it is one. `caches` and `warnings` are every replication's: nothing but a dump is read again.
    """

    index: int
    settings: dict[str, Any]
    experiment: Experiment
    machine: Machine
    spool: Spool | None
    cpus: int
    operations: int
    effort: int
    caches: tuple[CacheConfig, ...]
    warnings: tuple[str, ...]

    def replicated(self, more: int) -> PlannedPoint:
        """The same point with so many more replications."""
        replications = self.experiment.replications + more
        return replace(self, experiment=self.experiment.model_copy(update={"replications": replications}))

    def workload(self, replication: int) -> Workload:
        """The programs of one replication, on the caches."""
        drawn = _drawn(self.experiment, self.machine, self.spool, replication)
        return replace(drawn, caches=self.caches, warnings=self.warnings)


def plan(experiment: Experiment, folder: Path, phase: Phase | None = None, where: str | None = None) -> list[PlannedPoint]:
    """Every point of `experiment`, ready to run; traces are spooled into `folder`, each once. See `plan_with`."""
    return plan_with(experiment, Spools(folder), phase, where)


def plan_with(experiment: Experiment, spools: Spools, phase: Phase | None = None, where: str | None = None) -> list[PlannedPoint]:
    """Every point of `experiment`, ready to run, with traces as others may have read them.

    Raises Impossible for whatever the machine, the caches or the trace cannot do, else InputError: a trace that cannot be read.
    It begins with `where`, the experiment's file.
    """
    try:
        return _plan(experiment, spools, phase)
    except InputError as error:
        if where is None:
            raise
        raise type(error)(f"{where}: {error.where}", error.problem, error.allowed) from None


def _plan(experiment: Experiment, spools: Spools, phase: Phase | None) -> list[PlannedPoint]:
    given = list(points_of(experiment))
    expanded = [(dict(_flat(point.settings)), point.experiment) for point in given]
    check_tasks(point for _settings, point in expanded)
    with refusing():
        built = zip(expanded, _machines(expanded), strict=True)
        machines = name_apart([(settings, machine) for (settings, _), machine in built])
    read = _Read()
    points = []
    for index, ((settings, point), machine, one) in enumerate(zip(expanded, machines, given, strict=True)):
        config = point.workload
        spool = spools.spool(config, phase) if isinstance(config, TraceWorkload) else None
        with refusing():
            planned = _planned(index, settings, point, machine, spool, read)
        if one.left:
            planned = replace(planned, warnings=(*planned.warnings, one.left))
        points.append(planned)
    return points


def _planned(
    index: int,
    settings: dict[str, Any],
    point: Experiment,
    machine: Machine,
    spool: Spool | None,
    read: _Read,
) -> PlannedPoint:
    _check_span(point, machine, spool)
    workload = _workload(point, machine, spool, read)
    _check_caches(point, workload.caches, machine)
    if workload.operations is None or not workload.programs:
        raise InputError("workload", "nothing to do", allowed="a workload with operations")
    size = (len(workload.programs), workload.operations, effort(point, machine, workload))
    warnings = (*workload.warnings, *_no_kernels(point, workload.caches, machine), *_no_sizes(point, machine))
    return PlannedPoint(index, settings, point, machine, spool, *size, workload.caches, warnings)


def _no_kernels(point: Experiment, caches: Sequence[CacheConfig], machine: Machine) -> Iterator[str]:
    """What to say of sheaves smaller than any kernel makes them."""
    if point.allocator.is_slub:
        for cache in caches:
            if usual := below_size(cache, machine.n_cpus, slub_version_of(point)):
                asked = f"cache {shown(cache.name)}: sheaf_capacity {cache.sheaf_capacity}"
                yield f"{asked} is no kernel's: by size {point.allocator.value} has {usual}, and takes no less"


def _no_sizes(point: Experiment, machine: Machine) -> Iterator[str]:
    """What to say where objects are written and nobody knows what a cache of the machine holds."""
    if point.timing.working_sets and writes_objects(point.workload) and machine.llc_of_core is None:
        yield f"{machine.name} does not say how large its last-level caches are: they never lose an object (machine.llc_mib)"


def check_tasks(points: Iterable[Experiment]) -> None:
    """Raise InputError for more runs than a study may have, every replication of every point."""
    tasks = sum(point.replications for point in points)
    if tasks > MAX_TASKS:
        raise InputError("replications", f"{tasks} runs, all points together", allowed=f"at most {MAX_TASKS}")


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings of a sweep under dotted keys, also those of tables that it sets as a whole."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            yield from _flat({str(number): entry for number, entry in enumerate(value)}, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _machines(expanded: Sequence[tuple[dict[str, Any], Experiment]]) -> Iterator[Machine]:
    """The machine of each point, each built once."""
    built: dict[str, Machine] = {}
    keys = [point.machine.model_dump_json(exclude={"cpus", "placement"}) for _settings, point in expanded]
    different = len(set(keys))
    for key, (_settings, point) in zip(keys, expanded, strict=True):
        if key not in built:
            built[key] = machine_of(point)
            check_machines(different, built[key].n_cpus)
        yield built[key]


def _check_span(experiment: Experiment, machine: Machine, spool: Spool | None) -> None:
    """Refuse what is known to run longer than time can be counted exactly."""
    config = experiment.workload
    if isinstance(config, TraceWorkload):
        assert spool is not None
        span, what = trace_span_ps(config, spool), f"the trace with think times {config.think}"
    else:
        alone = f"arrivals at {config.rate:g} operations a second" if config.kind == "arrivals" else "think times alone"
        span, what = synthetic_span_ps(experiment, experiment.machine.cpus or machine.n_cpus), alone
    if span > MAX_RUN_PS:
        seconds = span / PS_PER_S
        raise InputError("workload", f"{what} take {seconds:,.0f} s", allowed=f"at most {MAX_RUN_PS // PS_PER_S:,} s, simulated")


def _check_caches(experiment: Experiment, caches: Sequence[CacheConfig], machine: Machine) -> None:
    """Work every cache out, and refuse one that is to hold others' descriptors (by its name) and cannot."""
    if experiment.allocator.is_slub:
        for cache in caches:
            laid_out(experiment, machine, cache)
        return
    version = version_of(experiment)
    specs = {cache.name: cache_spec(cache, machine.n_cpus, version) for cache in caches}
    for name, spec in specs.items():
        holder = specs.get(spec.geometry.slabp_cache or "")
        if holder is None:
            continue
        # A general cache's descriptors lie in its slabs, or descriptors would need descriptors without an end.
        needed = spec.geometry.slab_size
        if holder.geometry.off_slab or holder.geometry.size < needed:
            problem = f"size {holder.geometry.size}; it has a general cache's name, and {name} keeps descriptors there"
            allowed = f"another name, or size {holder.name.rpartition('-')[2]}"
            raise InputError(f"cache {holder.name}", problem, allowed=allowed)


def machine_of(experiment: Experiment) -> Machine:
    """The machine that an experiment asks for. Raises InputError if it is not there or has too few CPUs."""
    config = experiment.machine
    name = config.preset if config.preset is not None else config.file
    assert name is not None
    if config.preset is not None and Path(config.preset).suffix:
        raise InputError(
            "machine.preset", f"{config.preset!r} looks like a file", allowed="a preset's name; files go under machine.file"
        )
    machine = load_machine(name, cost_overrides=config.costs, memory_mib=config.memory_mib, llc_mib=config.llc_mib)
    if config.cpus is not None and config.cpus > machine.n_cpus:
        raise InputError(
            "machine.cpus", f"{config.cpus}, the machine {machine.name} has {machine.n_cpus}", allowed=f"1 to {machine.n_cpus}"
        )
    return machine


def _without_dump(config: TraceWorkload, spool: Spool) -> tuple[str, ...]:
    """What to say where a replay of all caches leaves some out, since the dump lacks them."""
    taken = {cache.name for cache in spool.caches}
    left = [cache.name for cache in spool.index.caches if cache.name not in taken]
    if config.from_dump is None or config.caches or not left:
        return ()
    listed = ", ".join(shown(name, 40) for name in left[:4]) + (", ..." if len(left) > 4 else "")
    are = "cache of the trace is" if len(left) == 1 else "caches of the trace are"
    return (f"{len(left)} {are} not in {config.from_dump.name} and left out: {listed}",)


def _drawn(experiment: Experiment, machine: Machine, spool: Spool | None, replication: int) -> Workload:
    """The programs of one replication, on caches as the trace or the experiment has them."""
    config = experiment.workload
    if isinstance(config, TraceWorkload):
        assert spool is not None
        nodes = recorded_nodes(experiment)
        return trace_workload(config, machine, spool, seed=experiment.seed, replication=replication, nodes=nodes)
    return build_synthetic(experiment, machine, replication)


class _Read:
    """What real kernels say of their caches, each file and folder read once."""

    def __init__(self) -> None:
        self._slabinfos: dict[Path, Slabinfo] = {}
        self._sysfs: dict[Path, SlabSysfs] = {}

    def slabinfo(self, path: Path) -> Slabinfo:
        """/proc/slabinfo. Raises InputError for what is none."""
        if path not in self._slabinfos:
            self._slabinfos[path] = read_slabinfo(path)
        return self._slabinfos[path]

    def sysfs(self, path: Path) -> SlabSysfs:
        """/sys/kernel/slab. Raises InputError likewise."""
        if path not in self._sysfs:
            self._sysfs[path] = read_slab_sysfs(path)
        return self._sysfs[path]


def _workload(experiment: Experiment, machine: Machine, spool: Spool | None, read: _Read) -> Workload:
    """The first replication, its caches as the experiment, sysfs, the slabinfo file and the dump have them, in this order."""
    workload = _drawn(experiment, machine, spool, 0)
    if isinstance(experiment.workload, TraceWorkload):
        assert spool is not None
        caches = overlaid(workload.caches, experiment.cache)
        workload = replace(workload, caches=caches, warnings=(*workload.warnings, *_without_dump(experiment.workload, spool)))
    if experiment.start is not None:
        workload = replace(workload, caches=sized(workload.caches, experiment.start))
    if experiment.sysfs is not None:
        workload = _with_sysfs(workload, read.sysfs(experiment.sysfs), experiment, machine)
    if experiment.slabinfo is not None:
        workload = _with_slabinfo(workload, read.slabinfo(experiment.slabinfo), experiment, machine)
    if restored := recorded_state(experiment, machine, workload.caches):
        workload = replace(workload, warnings=(*workload.warnings, *restored.notes))
    return workload


def _with_sysfs(workload: Workload, sysfs: SlabSysfs, experiment: Experiment, machine: Machine) -> Workload:
    caches, notes = [], list(sysfs.notes)
    for cache in workload.caches:
        needed = cache.size is None and experiment.slabinfo is None
        found = sysfs.cache(cache.name) if needed else sysfs.find(cache.name)
        tuned = cache if found is None else found.tuned(cache, experiment.allocator, experiment.slub.cpu_slabs)
        caches.append(tuned)
        if found is not None:
            numbers = found.numbers
            theirs = numbers["objs_per_slab"], 1 << numbers["order"], numbers["slab_size"]
            notes += _laid_out_otherwise(tuned, f"{sysfs.path}: a slab of {found.name}", theirs, experiment, machine)
    return replace(workload, caches=tuple(caches), warnings=(*workload.warnings, *notes))


def _with_slabinfo(workload: Workload, slabinfo: Slabinfo, experiment: Experiment, machine: Machine) -> Workload:
    caches, notes = [], list(slabinfo.notes)
    for cache in workload.caches:
        tuned = cache
        if cache.name in slabinfo or cache.size is None:
            tuned = slabinfo.tuned(cache, slub=experiment.allocator.is_slub)
        caches.append(tuned)
        if cache.size is None:
            row = slabinfo.row(cache.name)
            theirs = row.objperslab, row.pagesperslab, row.objsize
            notes += _laid_out_otherwise(tuned, f"{slabinfo.path}: a slab of {row.name}", theirs, experiment, machine)
    return replace(workload, caches=tuple(caches), warnings=(*workload.warnings, *notes))


def _laid_out_otherwise(
    cache: CacheConfig, what: str, theirs: tuple[int, int, int], experiment: Experiment, machine: Machine
) -> Iterator[str]:
    """What to say where the simulated kernel's slab is another than theirs: objects, pages, bytes of an object."""
    if experiment.allocator.is_slub:
        slub = slub_geometry_of(cache, machine.n_cpus, slub_version_of(experiment))
        ours = slub.objects, 1 << slub.order, slub.size
    else:
        slab = geometry_of(cache, version_of(experiment))
        ours = slab.num, 1 << slab.gfporder, slab.size
    if theirs[0] and theirs[:2] != ours[:2]:
        yield f"{what} has {_slab(*theirs)}; allocator {experiment.allocator.value} has {_slab(*ours)}"


def _slab(num: int, pages: int, size: int) -> str:
    return f"{num} object{'s' if num != 1 else ''} of {size} bytes in {pages} page{'s' if pages != 1 else ''}"
