# SPDX-License-Identifier: GPL-2.0-only
"""What SLUB's paths ask for beside locks, pages and interrupts, in compiled form: lists of records, new slabs and sheaves.

As a clocked run has them (`reference.slub`). Leaves out what of this are paths themselves (`paths.slub.clocked`).
"""

from __future__ import annotations

from slabdes.allocator.slub.state import ALL_CACHES, NO_SHEAF, ON_NO_LIST, sheaf_lines
from slabdes.allocator.state import NO_NODE, NO_OBJECT, NOBODY
from slabdes.engine.compiled.clock import GAMMA_WORD, GO, high_product
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.families import room_for_new
from slabdes.engine.compiled.layout import Status
from slabdes.engine.compiled.locks import look
from slabdes.engine.compiled.numba_tools import by_run, function, inline, slabs_at, uint64
from slabdes.engine.compiled.slub import scripted
from slabdes.engine.compiled.slub.layout import SlubRun
from slabdes.engine.compiled.slub.records import sheaves_at, slub_caches_at
from slabdes.engine.compiled.slub.script_layout import ScriptSlubRun
from slabdes.paths.slub.kernel import BATCHES, PCS_BATCH_MAX
from slabdes.streams import mix64

_SLABS = int(Status.SLABS)


@inline
def stats_item(run: SlubRun, cache: int, cpu: int) -> int:
    """A cache's counters of a CPU."""
    return cache * run.n_cpus + cpu


@inline
def cpu_sheaves_item(run: SlubRun, cache: int, cpu: int) -> int:
    """A cache's sheaves of a CPU."""
    return cache * run.n_cpus + cpu


@inline
def cpu_slab_item(run: SlubRun, cache: int, cpu: int) -> int:
    """A cache's slab of a CPU."""
    return cache * run.n_cpus + cpu


@inline
def node_item(run: SlubRun, cache: int, node: int) -> int:
    """A cache's kmem_cache_node of a node."""
    return cache * run.n_nodes + node


@inline
def barn_item(run: SlubRun, cache: int, node: int) -> int:
    """A cache's barn of a node."""
    return cache * run.n_nodes + node


@inline
def zonelist_length(run: SlubRun, node: int) -> int:
    """Nodes with memory are on it."""
    return run.nodes_with_memory


@inline
def node_length(run: SlubRun, cache: int) -> int:
    """One for each node."""
    return run.n_nodes


@inline
def barn_length(run: SlubRun, cache: int) -> int:
    """The same, if the cache has sheaves."""
    return run.n_nodes if slub_caches_at(run.caches)[cache].sheaf_capacity else 0


@inline
def caches_length(run: SlubRun) -> int:
    """How many caches there are."""
    return run.all_caches


def _zones(run: SlubRun, node: int) -> int:
    return run.nodes_with_memory


zones_length = by_run(ScriptSlubRun, scripted.zones, _zones)
"""How many nodes' pages will do: of those with memory, unless a script says that there are none."""


def _cycles(run: SlubRun, cpu: Cpu) -> int:
    return cpu.clock // run.cycle_ps


cycles = by_run(ScriptSlubRun, scripted.cycles, _cycles)
"""The cycle counter, as the CPU sees it; in a script, what makes searches end as it says."""


def _look(run: SlubRun, cpu: Cpu, point: int) -> int:
    return look(run, cpu)


let_in = by_run(ScriptSlubRun, scripted.let_in, _look)
"""Others come in wherever this CPU waits, and its own interrupts do not; in a script what it has for this point."""


@inline
def until_noticed(run: SlubRun, cpu: Cpu, period: int) -> int:
    """engine.timed.until_noticed."""
    return high_product(mix64(cpu.grace_key + uint64(period + 1) * GAMMA_WORD), run.stagger)


@inline
def batch(run: SlubRun, cpu: Cpu) -> int:
    """Where in `words` the CPU has room for its next batch."""
    return run.batches + (cpu.number * BATCHES + cpu.batches) * PCS_BATCH_MAX


@function
def before_sheaf_memory(run: SlubRun, cpu: Cpu, cache: int, capacity: int) -> int:
    """Look, as `paths.slub.clocked.sheaf_memory` does; and have Python make room, where there is none for another sheaf."""
    status = look(run, cpu)
    return status if status != GO or room_for_new(run) else _SLABS


def _plenty(run: SlubRun, cpu: Cpu, cache: int, capacity: int) -> bool:
    return True


sheaf_memory = by_run(ScriptSlubRun, scripted.sheaf_memory, _plenty)
"""There always is some, unless a script says that there is none."""


@function
def new_slab(run: SlubRun, cpu: Cpu, cache: int, objects: int) -> int:
    """slub.state.new_slab."""
    record = slub_caches_at(run.caches)[cache]
    slabs = slabs_at(run.slabs)
    number = record.spare
    if number != NOBODY:
        record.spare = slabs[number].link
    else:
        number = run.n_slabs
        run.n_slabs += 1
        made = slabs[number]
        made.cache = cache
        made.bufctl = run.n_words
        made.descriptor = NO_OBJECT
        made.nodeid = NO_NODE
        made.line = run.n_lines
        run.n_words += record.num
        run.n_lines += 1
    slab = slabs[number]
    slab.num = objects
    slab.which = ON_NO_LIST
    slab.serial = record.slabs_created
    record.slabs_created += 1
    return number


@function
def new_sheaf(run: SlubRun, cpu: Cpu, cache: int, capacity: int) -> int:
    """slub.state.new_sheaf."""
    record = slub_caches_at(run.caches)[cache]
    sheaves = sheaves_at(run.all_sheaves)
    before = NO_SHEAF
    number = record.spare_sheaves
    while number != NO_SHEAF and sheaves[number].room != capacity:
        before = number
        number = sheaves[number].link
    if number == NO_SHEAF:
        number = run.n_sheaves
        run.n_sheaves += 1
        sheaf = sheaves[number]
        sheaf.size = 0
        sheaf.capacity = capacity
        sheaf.room = capacity
        sheaf.entry = run.n_words
        sheaf.line = run.n_lines
        sheaf.link = NO_SHEAF
        sheaf.node = NO_NODE
        sheaf.cpu = NOBODY
        sheaf.cache = ALL_CACHES
        run.n_words += capacity
        run.n_lines += sheaf_lines(capacity)
        return number
    if before == NO_SHEAF:
        record.spare_sheaves = sheaves[number].link
    else:
        sheaves[before].link = sheaves[number].link
    sheaves[number].link = NO_SHEAF
    return number
