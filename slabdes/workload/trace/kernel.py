# SPDX-License-Identifier: GPL-2.0-only
"""Which kernel a trace is of, as far as its lines tell: what they have was added by one version or another.

A guess, and said so: distributions move patches, and tools leave fields out. Leaves out which allocator was built in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from slabdes.workload.trace.lines import TraceLines

_LOOKED_AT: Final = 20_000
"""Lines looked at (assumed to have each kind of event)."""
_ALLOC: Final = re.compile(rb"(?:kmem_cache_alloc|kmalloc)(_node)?:[ \t].*call_site=(\S+)")
_FREE: Final = re.compile(rb"kmem_cache_free:[ \t].*call_site=(\S+)")


@dataclass(frozen=True)
class KernelGuess:
    """A range of versions in words, why, which of the simulated allocators is nearest, and which are of these kernels.

    `others` says which else may be, where lines do not tell.
    """

    versions: str
    why: str
    allocator: str
    of_these: tuple[str, ...] = ()
    others: str = ""


@dataclass(slots=True)
class _Seen:
    symbols: bool = False
    named_alloc: bool = False
    named_free: bool = False
    accounted: bool = False
    underscores: bool = False
    sheaves: bool = False


def guess_kernel(path: Path) -> KernelGuess:
    """Guess from the first lines of the trace `path`. Raises InputError where they cannot be read."""
    seen = _Seen()
    for number, line in enumerate(TraceLines(path)):
        if number >= _LOOKED_AT:
            break
        if b"call_site=" not in line:
            continue
        if match := _ALLOC.search(line):
            seen.symbols |= b"+0x" in match[2]
            seen.named_alloc |= b" name=" in line
            seen.accounted |= b" accounted=" in line
            seen.underscores |= b"__GFP_" in line
            seen.sheaves |= match[2].startswith(b"__alloc_empty_sheaf")
        elif _FREE.search(line):
            seen.named_free |= b" name=" in line
    return _guess(seen)


def _guess(seen: _Seen) -> KernelGuess:
    if seen.sheaves:
        return KernelGuess("6.18 or later", "it allocates sheaves", "7.3", ("6.18", "7.0", "7.1", "7.2", "7.3"))
    if seen.named_alloc:
        others = "6.12 and 7.3 are SLUB, which is alone from 6.8 on"
        return KernelGuess("later than 6.1", "allocations name their cache", "6.1", others=others)
    if seen.accounted:
        return KernelGuess(
            "6.0 or 6.1", "allocations say whether they are accounted, and do not name their cache", "6.1", ("6.1",)
        )
    if seen.named_free:
        return KernelGuess("5.12 to 5.19", "frees name their cache, and allocations are not said to be accounted", "6.1")
    if seen.symbols:
        return KernelGuess("5.0 to 5.11", "call sites are symbols, and no cache is named", "4.7")
    if seen.underscores:
        return KernelGuess("4.6 to 5.0", "gfp flags have their underscores, and call sites are numbers", "4.7", ("4.6", "4.7"))
    return KernelGuess("4.6 or earlier", "call sites are numbers, and no gfp flag has underscores", "2.6.34", ("2.6.34", "4.6"))
