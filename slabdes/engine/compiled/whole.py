# SPDX-License-Identifier: GPL-2.0-only
"""Compiles a whole program at once: the functions below it are translated only, and optimised in it, where they are used.

numba would optimise each function together with all that it calls and make machine code of that, for each function anew.
Leaves out what is compiled (`cache`). Uses parts of numba that have no promise: `test_whole` says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from numba.core import codegen, cpu, event, targetconfig, types

_LIBRARY: Final[Any] = codegen.JITCodeLibrary
_CONTEXT: Final[Any] = cpu.CPUContext
_CPU: Final[Any] = cpu
_CONFIG: Final[Any] = targetconfig.TargetConfig


@contextmanager
def whole_program(outermost: str) -> Iterator[None]:
    """Within this, only the function of this name is optimised and made machine code of: with all that it calls."""
    optimise, finalise = _LIBRARY._optimize_final_module, _LIBRARY._finalize_final_module
    executable = _CONTEXT.get_executable

    def optimise_outermost(library: Any) -> None:
        if library.name == outermost:
            _keep_inside(library)
            optimise(library)

    def finalise_outermost(library: Any) -> None:
        if library.name == outermost:
            finalise(library)
        else:
            library._finalize_dynamic_globals()
            library._finalized = True

    def executable_of_outermost(context: Any, library: Any, described: Any, env: Any) -> Any:
        if library.name == outermost:
            return executable(context, library, described, env)
        # Nothing of the others can be called from Python: they only need an object each, as numba's key.
        return _CPU._dynfunc.make_function(described.lookup_module(), described.qualname, "", 0, env, (library,))

    instead = [
        (_LIBRARY, "_optimize_final_module", optimise_outermost),
        (_LIBRARY, "_finalize_final_module", finalise_outermost),
        (_CONTEXT, "get_executable", executable_of_outermost),
        *_SHORTER,
    ]
    with ExitStack() as stack:
        for of, name, made in instead:
            stack.callback(setattr, of, name, getattr(of, name))
            setattr(of, name, made)
        yield


def _values(config: Any) -> dict[str, Any]:
    """Of a TargetConfig, without asking a descriptor for each."""
    given: dict[str, Any] = config._values
    return {name: option.default for name, option in config.options.items()} | given


_SHORTER: Final[list[tuple[Any, str, Any]]] = [
    # A record's name says all that its repr does, which numba asks for ten thousands of times.
    (types.Record, "__repr__", lambda record: record.name),
    # Nobody listens but the timers of functions, each to all that are compiled within it.
    (event, "broadcast", lambda happened: None),
    # Options of compiling, which are compared for each function that is looked for.
    (_CONFIG, "values", _values),
    (_CONFIG, "__hash__", lambda config: hash(tuple(sorted(config.options)))),
]
"""What numba does over and over while it compiles, in short."""


def _keep_inside(library: Any) -> None:
    """Nobody else calls the functions that were linked in: those that are not used can go."""
    for function in library._final_module.functions:
        if not function.is_declaration and function.linkage.name == "linkonce_odr":
            function.linkage = "internal"
