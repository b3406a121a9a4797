# SPDX-License-Identifier: GPL-2.0-only
"""CPUs of one traced node on one node of the machine: on more, fewer and as many nodes, copies, and where nodes lack room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from slabdes.config import Placement, TraceWorkload
from slabdes.errors import InputError
from slabdes.workload.programs import Workload
from slabdes.workload.trace.nodes import TracedNodes, traced_nodes
from slabdes.workload.trace.placing import place_copies
from slabdes.workload.trace.replay import trace_workload
from slabdes.workload.trace.spool import Spool, load_trace

WriteTrace = Callable[..., Path]


@dataclass(frozen=True)
class Nodes:
    """A machine whose nodes have these numbers of CPUs."""

    sizes: tuple[int, ...]

    @property
    def n_cpus(self) -> int:
        return sum(self.sizes)

    @property
    def n_nodes(self) -> int:
        return len(self.sizes)

    @property
    def node_of_cpu(self) -> Sequence[int]:
        return [node for node, size in enumerate(self.sizes) for _cpu in range(size)]

    def choose_cpus(self, count: int, _placement: Placement) -> Sequence[int]:
        return list(range(count))


TWO_AND_TWO = TracedNodes({0: 0, 1: 1, 2: 0, 3: 1})
ONE_UNKNOWN = TracedNodes({0: 0, 1: 0, 3: 1})


@pytest.mark.parametrize(
    ("sizes", "copies", "known", "homes"),
    [
        ((4, 4), 1, TWO_AND_TWO, [[0, 4, 1, 5]]),  # as many nodes
        ((4, 4), 2, TWO_AND_TWO, [[0, 4, 1, 5], [2, 6, 3, 7]]),
        ((2, 2, 2, 2), 2, TWO_AND_TWO, [[0, 2, 1, 3], [4, 6, 5, 7]]),  # more nodes: a copy goes where there is room
        ((1, 3, 3), 1, TWO_AND_TWO, [[1, 4, 2, 5]]),  # node 0 has no room for both
        ((8,), 1, TWO_AND_TWO, [[0, 1, 2, 3]]),  # fewer nodes: as compact
        ((6, 1), 1, TWO_AND_TWO, [[0, 1, 2, 3]]),
        ((4, 4), 1, TracedNodes({0: 2, 1: 0, 2: 2, 3: 0}), [[4, 0, 5, 1]]),
        ((4, 4), 1, ONE_UNKNOWN, [[0, 1, 2, 4]]),
        ((2, 4), 1, TracedNodes(dict.fromkeys(range(4), 0)), [[2, 3, 4, 5]]),  # one node stays one
        ((4, 4), 1, TracedNodes(), [[0, 1, 2, 3]]),
        ((4, 4), 1, TracedNodes({0: 0, 1: 0, 2: 0, 3: 0}, same_numbers=True), [[0, 1, 2, 3]]),
        ((2, 2, 4), 2, TracedNodes({0: 0, 1: 0, 2: 1, 3: 1}, same_numbers=True), None),
        ((2, 4, 4), 2, TracedNodes({0: 0, 1: 0, 2: 1, 3: 1}, same_numbers=True), [[0, 1, 2, 3], [6, 7, 4, 5]]),
    ],
)
def test_cpus_of_a_traced_node_are_put_on_one_node(
    sizes: tuple[int, ...], copies: int, known: TracedNodes, homes: list[list[int]] | None
) -> None:
    placed = place_copies((0, 1, 2, 3), copies, "nodes", Nodes(sizes), known)
    assert [[home[cpu] for cpu in range(4)] for home in placed] == (homes or [[0, 1, 2, 3], [4, 5, 6, 7]])


def test_the_node_that_stands_for_a_traced_one_has_its_cpus() -> None:
    (home,) = place_copies((0, 1), 1, "nodes", Nodes((2, 2, 2)), TracedNodes({0: 0, 1: 1}), {0: 2})
    assert home == {0: 4, 1: 2}


def test_groups_of_cpus_say_what_a_trace_does_not() -> None:
    assert (
        place_copies((0, 1, 4), 1, "0,4/1-3", Nodes((2, 2)))
        == [{0: 0, 1: 2, 4: 1}]
        != place_copies((0, 1, 4), 1, "nodes", Nodes((2, 2)))
    )


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("0/1", "0/1: traced CPU 4 is in no group; allowed: each of the traced CPUs 0-1,4"),
        ("0-4/", "'0-4/'; allowed: nodes, compact"),
        ("0,1/1,4", "CPU 1 is there twice"),
        ("4-0/1", "CPUs 4-0; allowed: rising numbers"),
        ("0-999999999/1", "CPUs 0-999999999; allowed: rising numbers up to 8191"),
        ("0/1/4", "no 3 nodes of the machine have room for groups of 1, 1, 1 CPUs"),
    ],
)
def test_groups_that_do_not_fit_are_refused(rule: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        place_copies((0, 1, 4), 1, rule, Nodes((2, 2)))
    assert why in str(caught.value)


def spooled(write_trace: WriteTrace, tmp_path: Path, *asked: tuple[int, int], header: tuple[str, ...] = ()) -> Spool:
    """A trace whose CPUs ask for these nodes, in turn."""
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    lines = [
        f"t-1 [{cpu:03d}] 1.{n:06d}: kmem_cache_alloc_node: ptr={n + 1:x}00 {fields} node={node}"
        for n, (cpu, node) in enumerate(asked)
    ]
    return load_trace(write_trace(*header, *lines), (), tmp_path / "spool")


def replayed(spool: Spool, sizes: tuple[int, ...], **settings: object) -> Workload:
    config = TraceWorkload.model_validate({"kind": "trace", "file": "trace.txt", **settings})
    return trace_workload(config, Nodes(sizes), spool, seed=1, replication=0)


ASKED = ((0, 0), (0, 0), (1, 0), (1, -1), (2, 1), (3, 1), (3, 0), (3, 1))


def test_a_trace_that_asks_for_nodes_keeps_its_split_and_says_where_it_is_lost(write_trace: WriteTrace, tmp_path: Path) -> None:
    spool = spooled(write_trace, tmp_path, *ASKED)
    where = "its CPUs were on 2 nodes (CPUs 0-1 on node 0, 2-3 on node 1), as most of their allocations ask"
    for sizes, cpus, told in (
        ((4, 4), [0, 1, 4, 5], "and are so here"),
        ((4, 4, 4), [0, 1, 4, 5], "and are so here"),
        ((8,), [0, 1, 2, 3], "they are on node 0 here, and what the split costs is lost; to keep it: a machine of 2 nodes"),
        ((7, 1), [0, 1, 2, 3], "is lost; to keep it: fewer copies, or a machine whose nodes have more CPUs"),
    ):
        workload = replayed(spool, sizes)
        assert list(workload.programs) == cpus
        (said,) = [warning for warning in workload.warnings if "its CPUs" in warning]
        assert where in said
        assert said.endswith(told)


def test_a_header_or_a_dump_tells_more_than_requests_do(write_trace: WriteTrace, tmp_path: Path) -> None:
    header = ("# node0 cpu list : 0,2", "# node1 cpu list : 1,3")
    spool = spooled(write_trace, tmp_path, *ASKED, header=header)
    assert list(replayed(spool, (4, 4)).programs) == [0, 1, 4, 5]
    assert traced_nodes(spool.index).groups(range(4)) == {0: [0, 2], 1: [1, 3]}
    assert traced_nodes(spool.index, (0, 1, 1, 0)).groups(range(4)) == {0: [0, 3], 1: [1, 2]}
    assert not any("its CPUs" in warning for warning in replayed(spool, (4, 4)).warnings)


def test_a_cpu_that_asks_for_several_nodes_alike_is_not_known(write_trace: WriteTrace, tmp_path: Path) -> None:
    spool = spooled(write_trace, tmp_path, (0, 0), (1, 0), (1, 1), (2, 1))
    assert traced_nodes(spool.index).of_cpu == {0: 0, 2: 1}
    (said,) = [warning for warning in replayed(spool, (4, 4)).warnings if "does not tell" in warning]
    assert "which node CPU 1 was on, so a split over nodes may be lost: they are on nodes 0-1 here" in said


def test_thousands_of_copies_are_placed_at_once_each_with_cpus_of_its_own() -> None:
    for known in (TracedNodes(), TracedNodes({0: 0, 1: 1}), TracedNodes({0: 3})):
        homes = place_copies((0, 1), 1024, "nodes", Nodes((512,) * 4), known)
        assert len({cpu for home in homes for cpu in home.values()}) == 2048
