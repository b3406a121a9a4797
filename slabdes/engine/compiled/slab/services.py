# SPDX-License-Identifier: GPL-2.0-only
"""What paths ask for beside locks, pages and interrupts, in compiled form: lists of records, new slabs, the reap mutex."""

from __future__ import annotations

from slabdes.allocator.state import NO_NODE, NO_OBJECT, NOBODY, SLAB_LINES
from slabdes.engine.compiled.cpu_layout import Cpu
from slabdes.engine.compiled.locks import look
from slabdes.engine.compiled.numba_tools import function, inline, ints_at, slabs_at
from slabdes.engine.compiled.run_layout import Run
from slabdes.engine.compiled.slab.records import caches_at, l3s_at

before_reap_mutex_trylock = look
before_reap_mutex_unlock = look


@inline
def reap_mutex_trylock(run: Run, cpu: Cpu) -> bool:
    """cache_chain_mutex, as cache_reap asks for it."""
    if run.reaper != NOBODY:
        return False
    run.reaper = cpu.number
    return True


@inline
def reap_mutex_unlock(run: Run, cpu: Cpu) -> None:
    """Give cache_chain_mutex back."""
    run.reaper = NOBODY


@inline
def on_stack(run: Run, cpu: Cpu, obj: int) -> int:
    """Where in `words` the CPU keeps a single object while it is freed."""
    ints_at(run.words)[run.scratch + cpu.number] = obj
    return run.scratch + cpu.number


@inline
def caches_length(run: Run) -> int:
    """How many caches there are."""
    return run.all_caches


@inline
def nodelists_item(run: Run, cache: int, node: int) -> int:
    """A cache's kmem_list3 of a node."""
    return cache * run.n_nodes + node


@inline
def nodelists_length(run: Run, cache: int) -> int:
    """One for each node."""
    return run.n_nodes


@inline
def array_item(run: Run, cache: int, cpu: int) -> int:
    """A cache's array of a CPU."""
    return caches_at(run.caches)[cache].array + cpu


@inline
def alien_item(run: Run, l3: int, node: int) -> int:
    """A node's alien cache for another; -1 for its own."""
    own = l3s_at(run.l3s)[l3]
    return own.alien + node if node != own.node else -1


@inline
def alien_length(run: Run, l3: int) -> int:
    """One for each node, if there are alien caches."""
    return run.n_nodes if l3s_at(run.l3s)[l3].alien >= 0 else 0


@inline
def zonelist_length(run: Run, node: int) -> int:
    """Every node is on it."""
    return run.n_nodes


@function
def new_slab(run: Run, cpu: Cpu, cache: int) -> int:
    """A slab for a cache, on no list: a destroyed one's number again, else the next."""
    record = caches_at(run.caches)[cache]
    slabs = slabs_at(run.slabs)
    number = record.spare
    if number >= 0:
        record.spare = slabs[number].link
    else:
        number = run.n_slabs
        run.n_slabs += 1
        slab = slabs[number]
        slab.cache = cache
        slab.num = record.num
        slab.bufctl = run.n_words
        slab.descriptor = NO_OBJECT
        slab.nodeid = NO_NODE
        slab.line = run.n_lines
        run.n_words += record.num
        run.n_lines += SLAB_LINES
    slabs[number].serial = record.slabs_created
    record.slabs_created += 1
    return number
