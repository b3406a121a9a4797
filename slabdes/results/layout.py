"""What a manifest keeps of a machine for its drawing, checked when a run folder is read (`Machine.layout()` made it).

Leaves out drawing it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slabdes.errors import InputError

Index = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class _Core(_Part):
    core: Index
    cpus: tuple[Index, ...]


class _Node(_Part):
    node: Index
    id: Index
    x: float
    y: float
    memory_mib: Annotated[float, Field(ge=0)]
    cores: tuple[_Core, ...]


class _Link(_Part):
    a: Index
    b: Index
    distance: Index
    nearest: bool


class _Transfer(_Part):
    line_class: Annotated[str, Field(alias="class")]
    distance: Index
    min_ns: float
    median_ns: float
    max_ns: float


class _Layout(_Part):
    name: str
    source: str
    cpus: Index
    nodes: Annotated[tuple[_Node, ...], Field(min_length=1)]
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
    if any(max(link.a, link.b) >= size for link in read.links):
        raise InputError(f"{where}.links", "damaged: a node that is not there", allowed=f"0 to {size - 1}")
