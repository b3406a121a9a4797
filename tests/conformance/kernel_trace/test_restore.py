# SPDX-License-Identifier: GPL-2.0-only
"""A restored state obeys the allocator's invariants, on the dump's machine and on others, and shows the dump again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from slabdes.allocator.check import check
from slabdes.allocator.mempolicy import MemPolicy
from slabdes.allocator.state import NO_OBJECT, virt_to_slab
from slabdes.allocator.tunables import Tunables
from slabdes.allocator.versions import LINUX_6_1
from slabdes.dumps.dump import read_dumps
from slabdes.dumps.restore import live_objects, restore
from slabdes.engine.clockless import ClocklessKernel
from slabdes.errors import CheckFailed, InputError
from slabdes.paths.slab.alloc import kmem_cache_alloc
from slabdes.paths.slab.free import kmem_cache_free

Recorded = Callable[[str], Path]

MACHINES = [((0, 0, 1, 1), 2), ((0, 0), 1), ((0,), 1), ((0, 1, 0, 1), 2), ((0, 0, 1, 1, 2, 2), 3), ((1, 1, 0, 0), 2)]


@pytest.mark.parametrize(("node_of_cpu", "n_nodes"), MACHINES)
def test_a_restored_state_obeys_the_invariants_on_any_machine(node_of_cpu: tuple[int, ...], n_nodes: int, made_up: Path):
    dump = read_dumps(made_up / "dumps.txt")[1]
    restored = restore(dump, node_of_cpu=node_of_cpu, n_nodes=n_nodes)
    for cache in restored.caches.values():
        check(restored.state, cache, live_objects(restored.state, cache))
    same = (node_of_cpu, n_nodes) == (dump.node_of_cpu, dump.n_nodes)
    assert bool(restored.notes) is not same


def test_a_real_kernels_state_obeys_the_invariants_but_for_free_limits_set_before_all_cpus_were_up(recorded: Recorded):
    dump = read_dumps(recorded("8cpu_2node_counter_quiet1") / "dumps.txt.gz")[0]
    restored = restore(dump)
    broken = []
    for cache in restored.caches.values():
        try:
            check(restored.state, cache)
        except CheckFailed as problem:
            broken.append(str(problem))
    assert all("free_limit" in problem for problem in broken)
    assert restored.notes == ()


def test_the_last_pointer_of_an_array_is_handed_out_first(made_up: Path):
    dump = read_dumps(made_up / "dumps.txt")[1]
    restored = restore(dump)
    kernel = ClocklessKernel(restored.state, MemPolicy(2), LINUX_6_1)
    name = next(name for name, cache in dump.caches.items() if any(array.objects for array in cache.arrays))
    cpu = next(cpu for cpu, array in enumerate(dump.caches[name].arrays) if array.objects)
    cache = restored.caches[name]
    obj = kernel.finish(kmem_cache_alloc(kernel, kernel.cpus[cpu], cache, 0))
    assert restored.addresses.pointer(cache, virt_to_slab(obj), obj & 0xFFF) == dump.caches[name].arrays[cpu].objects[-1]


def test_a_restored_off_slab_cache_can_be_emptied(made_up_kernel, tmp_path: Path):
    recorder = made_up_kernel(tunables=Tunables(12, 6, 2))
    for cpu in (0, 2):
        for _ in range(150):
            recorder.allocate(cpu, "off_slab_cache")
    recorder.dump("before")
    restored = restore(read_dumps(recorder.write(tmp_path) / "dumps.txt")[0], names=("off_slab_cache",))
    assert list(restored.caches) == ["off_slab_cache", "kmalloc-32"]
    cache = restored.caches["off_slab_cache"]
    kernel = ClocklessKernel(restored.state, MemPolicy(2), LINUX_6_1)
    live = list(live_objects(restored.state, cache))
    slabs = {virt_to_slab(obj) for obj in live}
    assert len(live) == 300
    assert len({restored.state.slabs[slab].descriptor for slab in slabs} - {NO_OBJECT}) == len(slabs) == 10
    for obj in live:
        kernel.finish(kmem_cache_free(kernel, kernel.cpus[2 * restored.state.slabs[virt_to_slab(obj)].nodeid], cache, obj))
    # At most 12 objects stay in a CPU's array and 12 in the shared one; of the other 126 a node keeps 48 (free_limit), one slab.
    assert cache.slabs_destroyed > 0
    for each in restored.caches.values():
        check(restored.state, each)


def test_next_reap_counts_from_the_moment_restored_to(made_up: Path):
    dump = read_dumps(made_up / "dumps.txt")[0]
    cache = restore(dump, jiffies=5000).caches["plain_cache"]
    assert [l3.next_reap for l3 in cache.nodelists] == [4000, 4000]


def test_a_cache_that_the_dump_lacks_is_named_with_the_nearest_one(made_up: Path):
    with pytest.raises(InputError, match="did you mean plain_cache"):
        restore(read_dumps(made_up / "dumps.txt")[0], names=("plane_cache",))


def test_a_kmalloc_cache_is_found_however_its_size_is_written(recorded: Callable[[str], Path]):
    dump = read_dumps(recorded("1cpu_local_fork1") / "dumps.txt.gz")[0]
    assert list(restore(dump, names=("kmalloc-1024", "size-2048")).caches) == ["kmalloc-1k", "kmalloc-2k"]
