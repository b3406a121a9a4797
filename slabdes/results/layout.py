# SPDX-License-Identifier: GPL-2.0-only
"""What a manifest keeps of a machine for its drawing, checked when a run folder is read (`machine.graph.layout` made it).

Leaves out drawing it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slabdes.errors import InputError

Index = Annotated[int, Field(ge=0, le=1 << 20)]
Inches = Annotated[float, Field(ge=-1e6, le=1e6)]
Nanoseconds = Annotated[float, Field(ge=0, le=1e12)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Core(_Part):
    core: Index
    cpus: tuple[Index, ...]


class _Node(_Part):
    node: Index
    id: Index
    x: Inches
    y: Inches
    memory_mib: Annotated[float, Field(ge=0, le=1e12)]
    cores: tuple[_Core, ...]


class _Link(_Part):
    a: Index
    b: Index
    distance: Index
    nearest: bool


class _Transfer(_Part):
    line_class: Annotated[str, Field(alias="class")]
    distance: Index
    min_ns: Nanoseconds
    median_ns: Nanoseconds
    max_ns: Nanoseconds


class _Layout(_Part):
    name: str
    source: str
    cpus: Index
    nodes: Annotated[tuple[_Node, ...], Field(min_length=1, max_length=1024)]
    links: tuple[_Link, ...]
    distances: tuple[tuple[Index, ...], ...]
    transfers: tuple[_Transfer, ...]


def check_layout(layout: Any, where: str) -> None:
    """Raise InputError, which begins with `where`, for what is no drawing of a machine."""
    try:
        read = _Layout.model_validate(layout)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = "".join(f".{part}" for part in first["loc"])
        raise InputError(f"{where}{key}", f"damaged: {first['msg']}") from None
    size = len(read.nodes)
    if [len(row) for row in read.distances] != [size] * size:
        raise InputError(f"{where}.distances", "damaged: not square", allowed=f"{size} rows of {size}")
    if not all(link.a < link.b < size for link in read.links):
        raise InputError(
            f"{where}.links",
            "damaged: not between two nodes that are there",
            allowed=f"a lesser and a greater of 0 to {size - 1}",
        )
    if not all(transfer.min_ns <= transfer.median_ns <= transfer.max_ns for transfer in read.transfers):
        raise InputError(f"{where}.transfers", "damaged: times out of order", allowed="least, median, greatest")
