# SPDX-License-Identifier: GPL-2.0-only
"""What real 7.3 and 6.12 kernels did is done here, line by line: logs, geometry, and logs that say otherwise."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from slabdes.allocator.slub.check import check
from slabdes.conformance.kernel_log.compare import read_sections
from slabdes.conformance.slub_log.compare import compare_slub_log, runner_of
from slabdes.conformance.slub_log.geometry import compare_slub_geometry
from slabdes.errors import InputError

ROOT = Path(__file__).parents[2]
OWN = ROOT / "tests/kernel73"
SHARED = ROOT.parent / "shared"
OLDER = [log for log in sorted((ROOT / "tests/kernel612").glob("*/*.log.gz")) if not log.name.startswith("geometry")]
LOGS = [*sorted((OWN / "prescribed").glob("*/*.log.gz")), *OLDER]
GEOMETRY = [*sorted((OWN / "geometry").glob("*.log.gz")), ROOT / "tests/kernel612/2n8c/geometry.log.gz"]


def name(log: Path) -> str:
    kernel = "6.12" if log in OLDER else "7.3"
    return f"{kernel}/{log.parent.name}/{log.name.removesuffix('.log.gz')}"


@pytest.mark.parametrize("log", LOGS, ids=name)
def test_every_recorded_line_of_a_log_is_reproduced(log: Path) -> None:
    verdict = compare_slub_log(log)
    assert verdict.holds, verdict.difference
    assert verdict.total > 100


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["1n1c", "2n8c", "2n8c_memless", "4n16c"])
@pytest.mark.parametrize("kernel", ["kernel73/prescribed", "kernel612"])
def test_so_are_all_logs_that_there_are(kernel: str, machine: str) -> None:
    if not (SHARED / kernel / machine).is_dir():
        pytest.skip(f"../shared/{kernel}/{machine} is not here")
    logs = [log for log in sorted((SHARED / kernel / machine).glob("*.log.gz")) if not log.name.startswith("geometry")]
    assert logs
    assert [verdict.difference for verdict in map(compare_slub_log, logs) if not verdict.holds] == []


@pytest.mark.parametrize("log", GEOMETRY, ids=lambda log: log.name.removesuffix(".log.gz"))
def test_every_cache_has_its_recorded_geometry(log: Path) -> None:
    verdict = compare_slub_geometry(log)
    assert verdict.holds, verdict.difference
    assert verdict.total > 400


@pytest.mark.parametrize(
    "log",
    [
        "kernel73/prescribed/2n8c/t17_prefill_maple",
        "kernel73/prescribed/4n16c/t18_rcu_256",
        "kernel73/prescribed/1n1c/t11_minpartial",
        "kernel612/2n8c/t09b_remotefree_512",
    ],
)
def test_the_invariants_hold_after_each_command_of_a_log(log: str) -> None:
    path = ROOT / f"tests/{log}.log.gz"
    sections = list(read_sections(path))
    runner = runner_of(path, sections)
    for section in sections:
        for _line in runner.execute(section.command, section.recorded):
            pass
        waiting = [callback.sheaf for callback in runner.kernel.callbacks]
        live = runner.live() + [obj for queued in runner.kernel.batched for obj in queued]
        check(runner.kernel.state, runner.cache, live, [*runner.prefilled().values(), *waiting])


LOG = """> new cache 256 0 -
TOPO present=1 possible=1 memory=0 barns=0 cpu_node=0 fallback0=0
GEOM name=cache object_size=256 size=256 align=8 offset=128 order=0 objects=16 min_order=0 min_objects=16 min_partial=5 \
sheaf_capacity=28 ratio=1024
> a 0 2 -1
A cpu=0 reqnode=-1 id=0 obj=S1.11 node=0 ev: nofull sheafalloc refill(28) any grow(S0,n0) new(S0,16) grow(S1,n0) new(S1,12) \
L(newslab,n0) main>spare
A cpu=0 reqnode=-1 id=1 obj=S1.10 node=0 ev:
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "made.log.gz"
    path.write_bytes(gzip.compress(text.encode()))
    return path


def test_the_first_line_that_differs_is_shown(tmp_path: Path) -> None:
    verdict = compare_slub_log(written(tmp_path, LOG.replace("id=1 obj=S1.10", "id=1 obj=S1.9")))
    assert (verdict.matched, verdict.total) == (3, 4)
    assert list(verdict.lines())[1:] == [
        "  first difference",
        "    ours:     A cpu=0 reqnode=-1 id=1 obj=S1.10 node=0 ev:",
        "    recorded: A cpu=0 reqnode=-1 id=1 obj=S1.9 node=0 ev:",
    ]


def test_a_line_too_few_or_too_many_is_a_difference(tmp_path: Path) -> None:
    fewer = compare_slub_log(written(tmp_path, LOG + "> a 0 1 -1\n"))
    assert not fewer.holds
    more = compare_slub_log(written(tmp_path, LOG + "> end\nA cpu=0\n"))
    assert not more.holds


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("> a 1 1 -1", "made.log.gz:7: 'a 1 1 -1' is no command of a SLUB log"),
        ("> fl 0 2", "'fl 0 2' is no command"),
        ("> a 0 9999999999 -1", "9999999999 operations"),
        ("> inj nowhere 0 a 1", "'inj nowhere 0 a 1' is no command"),
        ("> pr 0 0", "'pr 0 0' is no command"),
        ("> new again 64 0 -", "'new again 64 0 -' is no command"),
    ],
)
def test_a_command_that_cannot_be_run_is_told_with_its_line(tmp_path: Path, bad: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        compare_slub_log(written(tmp_path, f"{LOG}{bad}\n"))
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("cpu_node=0", "cpu_node=0,0", "contradicts itself"),
        ("fallback0=0", "fallback0=1", "is no machine"),
        ("memory=0 ", "", "is no machine"),
        ("present=1", "present=99999", "within 1024 CPUs"),
        ("> new cache 256 0 -", "> new cache 256 0 z", "is no command"),
        ("> new cache 256 0 -", "> new cache 0 0 -", "0 bytes is no object size"),
    ],
)
def test_a_log_of_no_machine_or_cache_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(InputError) as refusal:
        compare_slub_log(written(tmp_path, LOG.replace(old, new)))
    assert told in str(refusal.value)
