# SPDX-License-Identifier: GPL-2.0-only
"""The versions in C beside which the compiled engine is measured, where there are any: an installed package has none.

Leaves out the versions themselves (`limit`, `limit_slub`), and what it is good for (`rounds`, `long`, `checks`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from slabdes.study.bench.limit import Limit

_DRIVER: Final = "slabdes.study.bench.limit"
NO_SOURCE: Final = "it needs a checkout of the project, since what is installed has not its source"
NO_COMPILER: Final = "no C compiler was found (cc, or what CC names)"


def why_none() -> str | None:
    """Why there is no version in C here; None if there is one."""
    if find_spec(_DRIVER) is None:
        return NO_SOURCE
    from slabdes.study.bench.limit import compiler

    return NO_COMPILER if compiler() is None else None


def compiler_line() -> str | None:
    """The compiler and how hard it tries, as a table names it; None without a version in C."""
    if why_none() is not None:
        return None
    from slabdes.study.bench.limit import FLAGS, compiler

    name = (compiler() or "").rpartition("/")[2]
    return " ".join((name, *FLAGS[:2]))


def version_in_c() -> AbstractContextManager[Limit | None]:
    """The version in C, compiled; None where there is none. CheckFailed if the compiler fails."""
    if why_none() is not None:
        return nullcontext()
    from slabdes.study.bench.limit import compiled_limit, compiler

    return compiled_limit(compiler())


def slub_in_c() -> AbstractContextManager[Limit | None]:
    """The same of SLUB's scenario."""
    if why_none() is not None:
        return nullcontext()
    from slabdes.study.bench.limit import compiler
    from slabdes.study.bench.limit_slub import compiled_slub_limit

    return compiled_slub_limit(compiler())
