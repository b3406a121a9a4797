# SPDX-License-Identifier: GPL-2.0-only
"""What lives across a wait: for each block, the variables that are read from there on before they are set.

Then which field of a frame each such variable is kept in: two share one if no wait finds both alive.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from slabdes.lowering.blocks import Block, Branch, Leave, Wait
from slabdes.lowering.trees import loads, stores


def find_lives(blocks: list[Block]) -> None:
    """Fill in `live` of every block."""
    effects = [_effect(block) for block in blocks]
    changed = True
    while changed:
        changed = False
        for block, (read, set_) in zip(reversed(blocks), reversed(effects), strict=True):
            live = read.union(*(to.live - set_ for to in block.follows()))
            if live != block.live:
                block.live, changed = live, True


def _effect(block: Block) -> tuple[set[str], set[str]]:
    """What a block reads before it sets it, and what it surely sets."""
    done: set[str] = set()
    read = _read_first(block.stmts, done)
    match block.end:
        case Branch(test=test):
            read |= loads(test) - done
        case Wait(call=call):
            read |= loads(call) - done
        case Leave(value=ast.expr() as value):
            read |= loads(value) - done
    return read, done


def _read_first(stmts: list[ast.stmt], done: set[str]) -> set[str]:
    """Names that are read before these statements have set them; `done` grows by those that they surely set."""
    read: set[str] = set()
    for stmt in stmts:
        match stmt:
            case ast.Assign(value=value, targets=[one]) | ast.AnnAssign(value=ast.expr() as value, target=one):
                read |= (loads(value) | loads(one)) - done
                done |= stores(one)
            case ast.AugAssign(value=value, target=one):
                read |= (loads(value) | loads(one) | stores(one)) - done
                done |= stores(one)
            case ast.If(test=test, body=body, orelse=orelse):
                read |= loads(test) - done
                yes, no = set(done), set(done)
                read |= _read_first(body, yes) | _read_first(orelse, no)
                done |= (yes & no) | (no if _leaves(body) else set()) | (yes if _leaves(orelse) else set())
            case ast.While(test=test, body=body):
                read |= loads(test) - done | _read_first(body, set(done))
            case ast.For(target=one, iter=iter_, body=body):
                read |= loads(iter_) - done | _read_first(body, done | stores(one))
            case _:
                read |= loads(stmt) - done
    return read


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Break | ast.Continue)


def kept(blocks: list[Block], variables: Iterable[str]) -> set[str]:
    """The variables that some stage finds alive."""
    return set(variables).intersection(*[set().union(*(block.live for block in blocks if block.entered))])


class Frames:
    """The fields of all paths' frames: those of a path in turn, named after variables where that is possible."""

    def __init__(self) -> None:
        self.fields: list[str] = []

    def place(self, parameters: list[str], blocks: list[Block], variables: set[str]) -> dict[str, str]:
        """The fields of one path's variables. Parameters have fields of their own, from the beginning on."""
        stages = [block.live & variables for block in blocks if block.entered]
        keep = kept(blocks, variables)
        placed: dict[str, str] = {}
        for variable in parameters:
            placed[variable] = self._field(variable, set(placed.values()), keep | set(parameters))
        for variable in sorted(keep - set(parameters), key=lambda v: (v not in self.fields, v)):
            rivals = set().union(*(live for live in stages if variable in live))
            taken = {placed[other] for other in placed if other in rivals or other in parameters}
            placed[variable] = self._field(variable, taken, keep | set(parameters))
        return placed

    def _field(self, variable: str, taken: set[str], wanted: set[str]) -> str:
        if variable in self.fields and variable not in taken:
            return variable
        for field in self.fields:
            if field not in taken and field not in wanted:
                return field
        self.fields.append(variable if variable not in self.fields else f"more_{len(self.fields)}")
        return self.fields[-1]
