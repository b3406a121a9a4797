# SPDX-License-Identifier: GPL-2.0-only
"""Records as bytes, to be kept and read back as they were: JSON, compressed, so that what is read is never executed.

Leaves out where they are kept (`journal`, `cells`) and the sums that tell damage.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from typing import Any, Final

from slabdes.engine import records
from slabdes.engine.records import Histogram, Records

_BY_PATH: Final = ("latency", "response")
"""Histograms of Records by cache and path."""
_LEVEL: Final = 1
"""zlib's quickest."""
MAX_BYTES: Final = 1 << 30
"""Of one replication's records, as JSON (a choice: 1,024 CPUs and as many caches are some MiB)."""


class Unreadable(Exception):
    """Bytes that are no records."""


def pack(one: Records) -> bytes:
    """Records as bytes: the same for the same records."""
    # JSON has no pairs as keys.
    pairs = {name: [(*key, times) for key, times in getattr(one, name).items()] for name in _BY_PATH}
    whole = _json(_codec(Records), one, exclude=set(_BY_PATH))
    by_path = _json(_codec(dict[str, list[tuple[int, int, Histogram]]]), pairs)
    return zlib.compress(whole[:-1] + b"," + by_path[1:], _LEVEL)


def unpack(packed: bytes) -> Records:
    """The records that `pack` was given. Raises Unreadable."""
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(packed, MAX_BYTES)
        if not reader.eof:
            raise Unreadable
        plain = json.loads(text)
        for name in _BY_PATH:
            plain[name] = {(number, records.Path(path)): times for number, path, times in plain[name]}
        read_back = _codec(Records).validate_python(plain)
    except (zlib.error, ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable from None
    assert isinstance(read_back, Records)
    return read_back


def _json(codec: Any, value: Any, **options: Any) -> bytes:
    try:
        return bytes(codec.dump_json(value, **options))
    except ValueError:  # a file's name that is not UTF-8, which Python's own escapes
        return json.dumps(codec.dump_python(value, mode="json", **options), separators=(",", ":")).encode("ascii")


@cache
def _codec(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
