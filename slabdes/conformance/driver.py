# SPDX-License-Identifier: GPL-2.0-only
"""What runs a script's operations, one after the other, over the state of a kernel without a clock: here, the generators.

The compiled engine's phases do it too (`compiled/serial`). Leaves out what operations say about themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from slabdes.allocator.create import kmem_cache_create
from slabdes.allocator.state import NO_NODE, CacheSpec, KmemCache
from slabdes.allocator.tunables import Tunables
from slabdes.config import EngineName
from slabdes.conformance.slub_log.driver import MakeSlubDriver, SlubGeneratorDriver
from slabdes.engine.clockless import ClocklessKernel
from slabdes.errors import tell
from slabdes.paths.slab.alloc import kmem_cache_alloc, kmem_cache_alloc_node
from slabdes.paths.slab.free import kmem_cache_free
from slabdes.paths.slab.kernel import SlabCpu
from slabdes.paths.slab.reap import cache_reap, reap_cache
from slabdes.paths.slab.shrink import do_tune_cpucache, kmem_cache_shrink


class Driver(Protocol):
    """Each operation ends before the next begins, and by then the kernel has been told of every step.

    The state shows what became of the CPU, its array, the object and the cache's counts by node; after `settle`, all there is.
    """

    anew: bool
    """Whether a new cache or a tune has all memory laid out anew."""

    def create(self, spec: CacheSpec, next_reap: int) -> KmemCache:
        """Set a cache up."""
        ...

    def alloc(self, cpu: SlabCpu, cache: KmemCache, flags: int, node: int) -> int:
        """An object, of `node` unless that is NO_NODE, or NO_OBJECT."""
        ...

    def free(self, cpu: SlabCpu, cache: KmemCache, obj: int) -> None:
        """Give an object back."""
        ...

    def reap(self, cpu: SlabCpu, hz: int) -> None:
        """One turn of a CPU's reap timer."""
        ...

    def reap_cache(self, cpu: SlabCpu, cache: KmemCache, hz: int) -> None:
        """What such a turn does to one cache."""
        ...

    def shrink(self, cpu: SlabCpu, cache: KmemCache) -> int:
        """Empty a cache's arrays and free lists; 1 if slabs are left, else 0."""
        ...

    def tune(self, cpu: SlabCpu, cache: KmemCache, tunables: Tunables) -> None:
        """Give a cache new tunables."""
        ...

    def settle(self) -> None:
        """Let the state show everything."""
        ...


MakeDriver = Callable[[ClocklessKernel], Driver]
COMPILING = "compiling the engine's paths for scripts; kept for next time"


class Drivers:
    """The engine's drivers, each allocator's made ready when it is first asked for.

    Scripts are short: only where it is asked for is code compiled, and `say` hears of it before.
    """

    def __init__(self, engine: EngineName = EngineName.REFERENCE, say: Callable[[str], None] = tell) -> None:
        self._say = say
        self.compiled = engine is EngineName.COMPILED
        """Whether compiled code runs what is recorded."""
        if self.compiled:
            from slabdes.engine.compiled.cache import compiles

            self.compiled = compiles()
            if not self.compiled:
                tell("NUMBA_DISABLE_JIT is set, so nothing is compiled: the reference's paths run instead")

    @cached_property
    def slab(self) -> MakeDriver:
        """What makes a driver of scripts and logs on SLAB."""
        if not self.compiled:
            return GeneratorDriver
        from slabdes.engine.compiled.entries import operate_function
        from slabdes.engine.compiled.serial import SerialDriver

        self._compile("operate", operate_function)
        return SerialDriver

    @cached_property
    def slub(self) -> MakeSlubDriver:
        """The same of logs on SLUB."""
        if not self.compiled:
            return SlubGeneratorDriver
        from slabdes.engine.compiled.entries import operate_slub_function
        from slabdes.engine.compiled.slub.serial import SlubSerialDriver

        self._compile("operate_slub", operate_slub_function)
        return SlubSerialDriver

    def _compile(self, name: str, function: Callable[[], object]) -> None:
        from slabdes.engine.compiled.cache import has_compiled

        if not has_compiled(name):
            self._say(COMPILING)
        function()


class GeneratorDriver:
    """The readable paths."""

    anew = False

    def __init__(self, kernel: ClocklessKernel) -> None:
        self._kernel = kernel

    def create(self, spec: CacheSpec, next_reap: int) -> KmemCache:
        return kmem_cache_create(self._kernel.state, spec, next_reap)

    def alloc(self, cpu: SlabCpu, cache: KmemCache, flags: int, node: int) -> int:
        kernel = self._kernel
        if node == NO_NODE:
            path = kmem_cache_alloc(kernel, cpu, cache, flags)
        else:
            path = kmem_cache_alloc_node(kernel, cpu, cache, flags, node)
        return int(kernel.finish(path))

    def free(self, cpu: SlabCpu, cache: KmemCache, obj: int) -> None:
        self._kernel.finish(kmem_cache_free(self._kernel, cpu, cache, obj))

    def reap(self, cpu: SlabCpu, hz: int) -> None:
        self._kernel.finish(cache_reap(self._kernel, cpu, hz))

    def reap_cache(self, cpu: SlabCpu, cache: KmemCache, hz: int) -> None:
        self._kernel.finish(reap_cache(self._kernel, cpu, cache, hz))

    def shrink(self, cpu: SlabCpu, cache: KmemCache) -> int:
        return int(self._kernel.finish(kmem_cache_shrink(self._kernel, cpu, cache)))

    def tune(self, cpu: SlabCpu, cache: KmemCache, tunables: Tunables) -> None:
        path = do_tune_cpucache(self._kernel, cpu, cache, tunables.limit, tunables.batchcount, tunables.shared)
        self._kernel.finish(path)

    def settle(self) -> None:
        """It always does."""
