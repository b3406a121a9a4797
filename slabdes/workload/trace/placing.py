# SPDX-License-Identifier: GPL-2.0-only
"""Which CPU of a machine plays which traced CPU: by a rule, a map, or so that CPUs of one traced node are on one node.

Leaves out how nodes of traced CPUs are found (`nodes`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from slabdes.config import Placement
from slabdes.errors import InputError
from slabdes.workload.trace.nodes import UNKNOWN, TracedNodes, ranges
from slabdes.workload.trace.spool import Spool

_MAP: Final = re.compile(r"\d{1,9}:\d{1,9}(,\d{1,9}:\d{1,9})*")
_GROUP: Final = re.compile(r"\d{1,9}(-\d{1,9})?(,\d{1,9}(-\d{1,9})?)*")
_ONE_TO_ONE: Final = "1:1"
BY_NODES: Final = "nodes"
"""The rule that keeps the traced split over nodes, as far as it is known."""
_MOST_CPU: Final = 8191
_SHOWN: Final = 8
"""CPUs listed in an error (assumed)."""
_RULES: Final = "nodes, compact, spread, cores, 1:1, a map such as 0:0,1:24, or CPUs of one node each such as 0-3/4-7"


class ReplayMachine(Protocol):
    """What replay needs to know of a machine."""

    @property
    def n_cpus(self) -> int:
        """CPUs, numbered from 0."""
        ...

    @property
    def n_nodes(self) -> int:
        """Nodes, numbered from 0."""
        ...

    @property
    def node_of_cpu(self) -> Sequence[int]:
        """The node of each CPU."""
        ...

    def choose_cpus(self, count: int, placement: Placement) -> Sequence[int]:
        """`count` different CPUs in the order in which they are to be used."""
        ...


def place_copies(
    traced: Sequence[int],
    copies: int,
    rule: str,
    machine: ReplayMachine,
    known: TracedNodes = UNKNOWN,
    onto: Mapping[int, int] = MappingProxyType({}),
) -> list[dict[int, int]]:
    """For each copy, the machine CPU of each of the CPUs `traced`.

    `nodes`: in each copy, CPUs that are `known` to have been on one node are on one, on that of its number, or that stands for it
    (`onto`), if it has room; others on whatever is free; as `compact` where nodes lack room. Groups of CPUs such as 0-3/4-7 say
    what is known, and are refused where nodes lack room. `compact`, `spread`, `cores`: the machine lists CPUs in that order, and
    each copy takes the next ones for its traced CPUs in ascending order. `1:1` or a map places copy 0; copy k is moved up by k
    times the smallest stride at which no two copies share a CPU.
    """
    needed = len(traced) * copies
    if needed > machine.n_cpus:
        problem = f"{len(traced)} traced CPUs x {copies} copies need {needed} CPUs, the machine has {machine.n_cpus}"
        most = machine.n_cpus // len(traced)
        fewer = f"1 to {most} copies, or " if most else ""
        raise InputError("workload.copies", problem, allowed=f"{fewer}a machine with at least {needed} CPUs")
    if "/" in rule:
        return _by_groups(traced, copies, rule, machine)
    if rule == BY_NODES and (found := by_nodes(traced, copies, machine, known, onto)):
        return found
    if rule in (BY_NODES, *Placement):
        order = machine.choose_cpus(needed, Placement.COMPACT if rule == BY_NODES else Placement(rule))
        return [dict(zip(traced, order[copy * len(traced) :], strict=False)) for copy in range(copies)]
    first = {cpu: cpu for cpu in traced} if rule == _ONE_TO_ONE else _parse_map(rule, traced)
    _check_homes(first, rule, machine)
    stride = _stride(sorted(first.values()), copies)
    homes = [first]
    for copy in range(1, copies):
        homes.append({cpu: home + copy * stride for cpu, home in first.items()})
        _check_homes(homes[copy], rule, machine, f" (copy {copy}, moved up by {copy * stride})")
    return homes


def by_nodes(
    traced: Sequence[int], copies: int, machine: ReplayMachine, known: TracedNodes, onto: Mapping[int, int]
) -> list[dict[int, int]] | None:
    """Placed so that in each copy different groups are on different nodes; None where the machine's nodes have no room."""
    groups, node_of_cpu = known.groups(traced), machine.node_of_cpu
    unknown = [cpu for cpu in traced if cpu not in known.of_cpu]
    homes: list[dict[int, int]] = []
    if known.same_numbers and all(cpu < machine.n_cpus and known.of_cpu.get(cpu) == node_of_cpu[cpu] for cpu in traced):
        homes.append({cpu: cpu for cpu in traced})
    free: dict[int, deque[int]] = {}
    for cpu in machine.choose_cpus(machine.n_cpus, Placement.COMPACT):
        if not homes or cpu not in homes[0]:
            free.setdefault(node_of_cpu[cpu], deque()).append(cpu)
    while len(homes) < copies:
        chosen = _nodes_with_room(groups, free, onto)
        if chosen is None:
            return None
        home: dict[int, int] = {}
        for group, cpus in groups.items():
            home.update((cpu, free[chosen[group]].popleft()) for cpu in cpus)
        for cpu in unknown:
            home[cpu] = next(left for left in free.values() if left).popleft()
        homes.append(dict(sorted(home.items())))
    return homes


def _nodes_with_room(
    groups: Mapping[int, Sequence[int]], free: Mapping[int, Collection[int]], onto: Mapping[int, int]
) -> dict[int, int] | None:
    """A node for each group of CPUs, each another: those of the groups' own numbers, or the largest for the largest."""
    own = {group: onto.get(group, group) for group in groups}
    if len(set(own.values())) == len(own) and all(len(free.get(own[group], ())) >= len(groups[group]) for group in groups):
        return own
    nodes = sorted(free, key=lambda node: (-len(free[node]), node))
    by_size = sorted(groups, key=lambda group: (-len(groups[group]), group))
    if len(nodes) < len(groups) or any(len(free[node]) < len(groups[group]) for group, node in zip(by_size, nodes, strict=False)):
        return None
    return dict(zip(by_size, nodes, strict=False))


def _by_groups(traced: Sequence[int], copies: int, rule: str, machine: ReplayMachine) -> list[dict[int, int]]:
    known = parse_groups(rule)
    missing = [cpu for cpu in traced if cpu not in known.of_cpu]
    if missing:
        problem = f"{rule[:80]}: traced CPU {missing[0]} is in no group"
        raise InputError("workload.cpus", problem, allowed=f"each of the traced CPUs {ranges(traced)}")
    homes = by_nodes(traced, copies, machine, known, {})
    if homes is None:
        sizes = ", ".join(str(len(cpus)) for cpus in known.groups(traced).values())
        problem = f"{rule[:80]}: no {len(known.groups(traced))} nodes of the machine have room for groups of {sizes} CPUs"
        raise InputError("workload.cpus", f"{problem}, {copies} times" if copies > 1 else problem, allowed=_RULES)
    return homes


def parse_groups(rule: str) -> TracedNodes:
    """CPUs of a node each, such as 0-3/4-7. InputError for what is no such list, and for a CPU that is there twice."""
    found: dict[int, int] = {}
    for node, part in enumerate(rule.replace(" ", "").split("/")):
        if not _GROUP.fullmatch(part):
            raise InputError("workload.cpus", f"{rule[:80]!r}", allowed=_RULES)
        for span in part.split(","):
            first, _, last = span.partition("-")
            if not int(first) <= int(last or first) <= _MOST_CPU:
                raise InputError("workload.cpus", f"{rule[:80]}: CPUs {span}", allowed=f"rising numbers up to {_MOST_CPU}")
            for cpu in range(int(first), int(last or first) + 1):
                if cpu in found:
                    raise InputError("workload.cpus", f"{rule[:80]}: CPU {cpu} is there twice", allowed="each once")
                found[cpu] = node
    return TracedNodes(found, "as --cpus says")


def split_warnings(
    spool: Spool, known: TracedNodes, rule: str, homes: Sequence[Mapping[int, int]], machine: ReplayMachine
) -> Iterator[str]:
    """What to say where CPUs of different traced nodes are not apart, or those of one not together, or nothing tells them."""
    traced, path = tuple(spool.cpus), spool.index.path
    groups = known.groups(traced)
    at = sorted({machine.node_of_cpu[cpu] for cpu in homes[0].values()})
    here = f"on node{'s' * (len(at) != 1)} {ranges(at)} here"
    if len(groups) > 1:
        split = f"{path}: its CPUs were on {len(groups)} nodes ({known.told(traced)}), {known.why}"
        if not all(_is_kept(groups, home, machine) for home in homes):
            yield f"{split}; they are {here}, and what the split costs is lost; to keep it: {_keeps(len(groups), rule, machine)}"
        elif known.guessed and rule == BY_NODES:
            yield f"{split}, and are so here"
    elif len(at) == 1 and spool.highest_node >= 1 and len(traced) > 1 and machine.n_nodes > 1:
        yield (
            f"{path}: allocations ask for several nodes, so its CPUs were on several; all {len(traced)} are {here}, and what "
            f"the split costs is lost: --cpus spread, a map of CPUs, or {_example(traced)} keeps it"
        )
        return
    unknown = [cpu for cpu in traced if cpu not in known.of_cpu]
    if rule == BY_NODES and unknown and machine.n_nodes > 1 and len(traced) > 1:
        which = f"nodes CPUs {ranges(unknown)} were" if len(unknown) > 1 else f"node CPU {unknown[0]} was"
        which = "nodes its CPUs were" if len(unknown) == len(traced) else which
        yield (
            f"{path}: it does not tell which {which} on, so a split over nodes may be lost: they are {here}; "
            f"--cpus {_example(traced)} says which were together"
        )


def _is_kept(groups: Mapping[int, Sequence[int]], home: Mapping[int, int], machine: ReplayMachine) -> bool:
    nodes = [{machine.node_of_cpu[home[cpu]] for cpu in cpus} for cpus in groups.values()]
    return all(len(some) == 1 for some in nodes) and len(set.union(*nodes)) == len(nodes)


def _keeps(nodes: int, rule: str, machine: ReplayMachine) -> str:
    """What would keep a split over so many nodes."""
    if machine.n_nodes < nodes:
        return f"a machine of {nodes} nodes"
    return "fewer copies, or a machine whose nodes have more CPUs" if rule == BY_NODES else "--cpus nodes, the default"


def _example(traced: Sequence[int]) -> str:
    half = (len(traced) + 1) // 2
    return f"{ranges(traced[:half])}/{ranges(traced[half:])}"


def _check_homes(placed: Mapping[int, int], rule: str, machine: ReplayMachine, shifted: str = "") -> None:
    for cpu, home in placed.items():
        if home >= machine.n_cpus:
            problem = f"{rule[:80]}: traced CPU {cpu} would be CPU {home}{shifted}"
            raise InputError("workload.cpus", problem, f"CPUs 0 to {machine.n_cpus - 1} of this machine")


def _parse_map(rule: str, traced: Sequence[int]) -> dict[int, int]:
    text = rule.replace(" ", "")
    if not _MAP.fullmatch(text):
        raise InputError("workload.cpus", f"{rule[:80]!r}", allowed=_RULES)
    pairs = [(int(cpu), int(home)) for cpu, _, home in (pair.partition(":") for pair in text.split(","))]
    mapped = dict(pairs)
    listed = ", ".join(str(cpu) for cpu in traced[:_SHOWN]) + (", ..." if len(traced) > _SHOWN else "")
    if len(mapped) != len(pairs):
        raise InputError("workload.cpus", f"{rule[:80]}: a traced CPU is there twice", allowed=_RULES)
    if len(set(mapped.values())) != len(mapped):
        raise InputError("workload.cpus", f"{rule[:80]}: two traced CPUs share one of the machine", allowed="different CPUs")
    if set(mapped) != set(traced):
        wrong = min(set(mapped) ^ set(traced))
        problem = "has no step of the chosen caches" if wrong in mapped else "is not in the map"
        allowed = f"each of the traced CPUs {listed}"
        raise InputError("workload.cpus", f"{rule[:80]}: traced CPU {wrong} {problem}", allowed)
    return mapped


def _stride(homes: Sequence[int], copies: int) -> int:
    """The smallest shift at which `copies` copies of the ascending CPUs `homes` share none."""
    distances = {later - earlier for index, earlier in enumerate(homes) for later in homes[index + 1 :]}
    stride = 1
    while any(distance % stride == 0 and distance // stride < copies for distance in distances):
        stride += 1
    return stride
