# SPDX-License-Identifier: GPL-2.0-only
"""Traced CPUs on a machine's CPUs: placement rules, copies, phases, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from slabdes.config import Placement, TraceWorkload
from slabdes.errors import InputError
from slabdes.workload.programs import Workload
from slabdes.workload.trace.placing import place_copies
from slabdes.workload.trace.replay import ASSUMED_STEP_NS, trace_workload
from slabdes.workload.trace.spool import Spool, load_trace

WriteTrace = Callable[..., Path]


@dataclass(frozen=True)
class TwoNodes:
    """A machine of two nodes: the lower half of its CPUs on one, the upper half on the other."""

    n_cpus: int
    n_nodes: int = 2

    @property
    def node_of_cpu(self) -> Sequence[int]:
        return [int(cpu >= self.n_cpus // 2) for cpu in range(self.n_cpus)]

    def choose_cpus(self, count: int, placement: Placement) -> Sequence[int]:
        half = self.n_cpus // 2
        order = (
            list(range(self.n_cpus)) if placement is Placement.COMPACT else [n // 2 + half * (n % 2) for n in range(self.n_cpus)]
        )
        return order[:count]


@pytest.fixture
def spool(write_trace: WriteTrace, tmp_path: Path) -> Spool:
    """Traced CPU 3 allocates two objects 50 us apart, CPU 5 frees one: a span of 100 us, 2 + 1 steps, 2 objects."""
    fields = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL name=x"
    path = write_trace(
        f"t-1 [003] 1.000000: kmem_cache_alloc: call_site=f ptr=100 {fields}",
        f"t-1 [003] 1.000050: kmem_cache_alloc: call_site=f ptr=200 {fields}",
        "t-1 [005] 1.000100: kmem_cache_free: call_site=g ptr=100 name=x",
    )
    return load_trace(path, (), tmp_path / "spool")


def config(**settings: object) -> TraceWorkload:
    return TraceWorkload.model_validate({"kind": "trace", "file": "trace.txt", **settings})


def replay(spool: Spool, n_cpus: int = 16, *, seed: int = 1, replication: int = 0, **settings: object) -> Workload:
    return trace_workload(config(**settings), TwoNodes(n_cpus), spool, seed=seed, replication=replication)


def test_a_copys_programs_have_objects_and_a_phase_of_their_own(spool: Spool) -> None:
    workload = replay(spool, copies=2, cpus="compact")
    steps = {cpu: list(program()) for cpu, program in workload.programs.items()}
    assert list(steps) == [0, 1, 2, 3]
    assert [(step[0], step[3]) for step in steps[0]] == [(0, 0), (50_000_000, 1)]
    assert [(step[0], step[3]) for step in steps[1]] == [(100_000_000, 0)]
    phase = steps[2][0][0]
    assert 0 < phase <= 1_000_000, "within 1 % of 100 us"
    assert [(step[0], step[3]) for step in steps[2]] == [(phase, 5), (50_000_000, 6)], "behind 2 objects and 3 signals"
    assert [(step[0], step[3]) for step in steps[3]] == [(100_000_000 + phase, 5)]
    assert [cache.name for cache in workload.caches] == ["x"]
    assert (workload.operations, workload.windowed, workload.warnings) == (6, False, spool.index.warnings)
    (told,) = set(replay(spool).warnings) - set(spool.index.warnings)
    assert told.endswith(
        "does not tell which nodes its CPUs were on, so a split over nodes may be lost: they are on node 0 here; "
        "--cpus 3/5 says which were together"
    )


def test_a_program_can_be_run_again_from_its_start(spool: Spool) -> None:
    program = replay(spool, copies=2).programs[2]
    assert list(program()) == list(program()) != []


def test_phases_depend_on_seed_replication_and_copy_alone(spool: Spool) -> None:
    def phases(**settings: object) -> list[int]:
        workload = replay(spool, 8, **settings)  # type: ignore[arg-type]
        return [next(iter(workload.programs[cpu]()))[0] for cpu in (0, 2, 4, 6)]

    first = phases(copies=4)
    assert first[0] == 0
    assert len(set(first)) == 4
    assert phases(copies=4) == first
    assert phases(copies=4, seed=2)[1:] != first[1:]
    assert phases(copies=4, replication=1)[1:] != first[1:]
    assert phases(copies=4, think="0.1x")[1] == pytest.approx(first[1] / 10, rel=0.01)


def test_without_thinks_the_phase_is_within_a_hundredth_of_the_assumed_length(spool: Spool) -> None:
    most = 2 * ASSUMED_STEP_NS * 1000 // 100
    starts = [next(iter(replay(spool, copies=2, think="none", seed=seed).programs[2]()))[0] for seed in range(20)]
    assert len(set(starts)) > 10
    assert all(0 <= start <= most for start in starts)


@pytest.mark.parametrize(
    ("rule", "copies", "homes"),
    [
        ("compact", 2, [{3: 0, 5: 1}, {3: 2, 5: 3}]),
        ("spread", 2, [{3: 0, 5: 8}, {3: 1, 5: 9}]),
        ("1:1", 1, [{3: 3, 5: 5}]),
        ("1:1", 2, [{3: 3, 5: 5}, {3: 4, 5: 6}]),  # a stride of 1: CPUs 3, 5 and 4, 6
        ("1:1", 3, [{3: 3, 5: 5}, {3: 6, 5: 8}, {3: 9, 5: 11}]),  # strides 1 and 2 would meet at 5
        ("3:0,5:8", 3, [{3: 0, 5: 8}, {3: 1, 5: 9}, {3: 2, 5: 10}]),
        ("5:0, 3:1", 2, [{5: 0, 3: 1}, {5: 2, 3: 3}]),
    ],
)
def test_cpus_are_placed_by_the_rule(rule: str, copies: int, homes: list[dict[int, int]]) -> None:
    assert place_copies((3, 5), copies, rule, TwoNodes(16)) == homes


@pytest.mark.parametrize(
    ("rule", "copies", "why"),
    [
        (
            "compact",
            9,
            "2 traced CPUs x 9 copies need 18 CPUs, the machine has 16; allowed: 1 to 8 copies, or a machine with at least 18",
        ),
        ("3:0,5:16", 1, "traced CPU 5 would be CPU 16; allowed: CPUs 0 to 15"),
        ("3:0,5:15", 2, "traced CPU 5 would be CPU 16 (copy 1, moved up by 1); allowed: CPUs 0 to 15"),
        ("3:0", 1, "traced CPU 5 is not in the map; allowed: each of the traced CPUs 3, 5"),
        ("3:0,5:1,4:2", 1, "traced CPU 4 has no step of the chosen caches"),
        ("3:0,5:0", 1, "two traced CPUs share one of the machine"),
        ("3:0,3:1", 1, "a traced CPU is there twice"),
        ("everywhere", 1, "'everywhere'; allowed: nodes, compact, spread, cores, 1:1, a map such as 0:0,1:24, or CPUs of"),
        ("3-0", 1, "'3-0'; allowed: nodes, compact"),
        ("", 1, "''; allowed: nodes, compact"),
    ],
)
def test_a_placement_that_does_not_fit_is_refused(rule: str, copies: int, why: str) -> None:
    with pytest.raises(InputError) as caught:
        place_copies((3, 5), copies, rule, TwoNodes(16))
    assert why in str(caught.value)


def test_a_trace_of_more_cpus_than_the_machine_has_is_refused() -> None:
    with pytest.raises(InputError, match="allowed: a machine with at least 3 CPUs"):
        place_copies((0, 1, 2), 1, "compact", TwoNodes(2))


def test_copies_never_share_a_cpu() -> None:
    for traced in ((0, 1), (0, 24), (2, 3, 7), (0, 1, 2, 3, 8, 9, 10, 11)):
        for copies in (2, 3, 5, 12):
            homes = place_copies(traced, copies, "1:1", TwoNodes(1024))
            used = [cpu for home in homes for cpu in home.values()]
            assert len(set(used)) == len(used)


def asking_for_nodes(write_trace: WriteTrace, tmp_path: Path, *nodes: int) -> Spool:
    fields = "bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    path = write_trace(
        *(f"t-1 [000] 1.0: kmalloc_node: call_site=f ptr={n + 1:x}00 {fields} node={node}" for n, node in enumerate(nodes))
    )
    return load_trace(path, (), tmp_path / "spool")


def test_a_node_that_the_machine_lacks_is_said_and_asked_for_all_the_same(write_trace: WriteTrace, tmp_path: Path) -> None:
    spool = asking_for_nodes(write_trace, tmp_path, 2, 0, 3, 2, -1)
    workload = replay(spool)
    assert [step[4] for step in workload.programs[0]()] == [2, 0, 3, 2, -1]
    (told,) = [warning for warning in workload.warnings if "asks" in warning or "ask for" in warning]
    assert told.startswith("3 allocations ask for nodes 2, 3, which the machine has not: they are served as the kernel serves")
    four = trace_workload(config(), TwoNodes(16, 4), spool, seed=1, replication=0)
    assert [warning for warning in four.warnings if "ask for" in warning] == []


def test_a_node_of_the_machine_may_stand_for_a_traced_one(write_trace: WriteTrace, tmp_path: Path) -> None:
    spool = asking_for_nodes(write_trace, tmp_path, 2, 0, 3, -1, 1)
    workload = replay(spool, nodes="2:0,3:1,1:0,9:1")
    assert [step[4] for step in workload.programs[0]()] == [0, 0, 1, -1, 0]
    assert [warning for warning in workload.warnings if "which the machine has not" in warning] == []
    assert any("1 allocation asks for node 3," in warning for warning in replay(spool, nodes="2:0").warnings)


@pytest.mark.parametrize(("rule", "why"), [("2:2", "nodes 0 to 1 of this machine"), ("2:0,2:1", "traced node 2 is there twice")])
def test_a_map_of_nodes_that_does_not_fit_is_refused(write_trace: WriteTrace, tmp_path: Path, rule: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        replay(asking_for_nodes(write_trace, tmp_path, 2), nodes=rule)


def test_a_trace_of_several_nodes_on_one_is_said_to_lose_its_split(write_trace: WriteTrace, tmp_path: Path) -> None:
    fields = "call_site=f bytes_req=64 bytes_alloc=64 gfp_flags=GFP_KERNEL"
    path = write_trace(*(f"t-1 [{cpu:03d}] 1.0: kmalloc_node: ptr={cpu + 1}00 {fields} node={cpu % 2}" for cpu in range(4)))
    spool = load_trace(path, (), tmp_path / "spool")
    (told,) = [warning for warning in replay(spool, cpus="compact").warnings if "split" in warning]
    assert "its CPUs were on 2 nodes (CPUs 0,2 on node 0, 1,3 on node 1), as most of their allocations ask" in told
    assert told.endswith("on node 0 here, and what the split costs is lost; to keep it: --cpus nodes, the default")
    assert [warning for warning in replay(spool, cpus="spread").warnings if "split" in warning] == []
    assert [warning for warning in replay(spool).warnings if "split" in warning] == []


@pytest.mark.parametrize("rule", ["2", "2:", "a:0", "2:0,", "2:0 3:1", "-1:0"])
def test_a_map_of_nodes_is_pairs_of_numbers(rule: str) -> None:
    with pytest.raises(ValueError, match="nodes"):
        config(nodes=rule)


def test_a_real_capture_becomes_a_workload(unix_dgram: Path, tmp_path: Path) -> None:
    settings = config(file=unix_dgram, caches=("skbuff_head_cache",), copies=12, cpus="0:0,1:24", think="0.1x")
    spool = load_trace(settings.file, settings.caches, tmp_path)
    workload = trace_workload(settings, TwoNodes(48), spool, seed=1, replication=0)
    assert sorted(workload.programs) == [*range(12), *range(24, 36)]
    assert workload.operations == 12 * 20_008
    assert [(cache.name, cache.size) for cache in workload.caches] == [("skbuff_head_cache", 256)]


def test_a_counter_clocks_workload_says_so_and_takes_a_step_for_a_microsecond(
    shared_file: Callable[[str], Path], tmp_path: Path
) -> None:
    path = shared_file("kernel61/traces/8cpu_2node_counter_quiet1/trace.txt.gz")
    workload = trace_workload(config(file=path), TwoNodes(8), load_trace(path, (), tmp_path), seed=1, replication=0)
    assert any("the clock counts events, not time" in warning for warning in workload.warnings)
    assert any("one operation each µs" in warning for warning in workload.warnings)
    thought = {cpu: sum(step[0] for step in program()) for cpu, program in workload.programs.items()}
    assert max(thought.values()) == (workload.operations - 1) * 1_000_000
