"""What an allocation that a script asks for goes through before the paths of timed runs: memory policies, unknown nodes.

`paths/slab/alloc.py`'s kmem_cache_alloc and kmem_cache_alloc_node, cut where they wait.
"""

from __future__ import annotations

from slabdes.allocator.gfp import THISNODE
from slabdes.allocator.mempolicy import alternate_node
from slabdes.allocator.state import NO_NODE, NO_OBJECT
from slabdes.engine.compiled.clock import Record, call, end_of_path
from slabdes.engine.compiled.codes import ALLOC, ALLOC_ASKED, FALLBACK, NODE_ALLOC, STAGE
from slabdes.engine.compiled.locks import GO
from slabdes.engine.compiled.numba_tools import caches_at, function, policies_at


@function
def alloc_asked(run: Record, cpu: Record, frame: Record) -> int:
    """Arguments: cache, node (NO_NODE: none was asked for), flags. `run.altfail`: whether the policy's node had nothing."""
    stage = frame.pc & STAGE
    cache = frame.cache
    if stage == 0:
        run.altfail = 0
        frame.pc = ALLOC_ASKED + 2
        if frame.node >= run.n_nodes:
            # Not a node of this machine: it has no lists to look at.
            call(run, cpu, FALLBACK, cache, 0, frame.flags, 0, 0)
        elif frame.node != NO_NODE:
            call(run, cpu, ALLOC, cache, frame.node, frame.flags, 0, 0)
        else:
            node = NO_NODE
            if not frame.flags & THISNODE:
                node = alternate_node(policies_at(run.policy)[0], cpu.node, caches_at(run.caches)[cache].mem_spread)
            if node != NO_NODE:
                frame.pc = ALLOC_ASKED + 1
                call(run, cpu, NODE_ALLOC, cache, node, frame.flags, 0, 0)
            else:
                call(run, cpu, ALLOC, cache, cpu.node, frame.flags, 0, 0)
    elif stage == 1 and cpu.ret == NO_OBJECT:
        run.altfail = 1
        frame.pc = ALLOC_ASKED + 2
        call(run, cpu, ALLOC, cache, cpu.node, frame.flags, 0, 0)
    else:
        end_of_path(cpu, cpu.ret)
    return GO
