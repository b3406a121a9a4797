# SPDX-License-Identifier: GPL-2.0-only
"""Compiled reading of trace lines: a row of numbers for each kmem event that is recognised with certainty.

What is recognised is a part of what `workload.trace.events` reads, with the same meaning. Lines that may be an event and are
not recognised, comments, and lines about lost events are handed back; all others have nothing to say.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from slabdes.scan.bytes import (
    BACKSLASH,
    BEGIN,
    CLOSE,
    COLON,
    END,
    EQUALS,
    HASH,
    MINUS,
    NEWLINE,
    NONE,
    OPEN,
    POINT,
    SPACE,
    ZERO,
    Data,
    Table,
    begins_hex,
    compiled,
    find_word,
    hex_digits,
    hex_value,
    is_blank,
    is_digit,
    is_space,
    is_word,
    number,
    skip_blanks,
    skip_digits,
    stands_at,
)
from slabdes.scan.rows import (
    ALLOC,
    CPU,
    FLAGS,
    HAS_OBJECT,
    IS_ALLOC,
    IS_FREE,
    KMALLOC,
    LINE,
    NAME,
    NO_OBJECT,
    NODE,
    OBJECT,
    POINTER,
    REQ,
    SITE,
    TIME,
    WHAT,
)
from slabdes.workload.trace.events import MAX_CPU, MAX_MASK, MAX_NAME, MAX_NODE, MAX_SITE, ZERO_SIZE_PTR
from slabdes.workload.trace.lines import MAX_LINE_BYTES

LOOKAHEAD: Final = 32
"""Bytes behind the data that may be looked at: more than any word below has."""
AT, ROWS, NUMBER, CLOCK, ODD_BEGIN, ODD_END = range(6)
"""The state: where to go on, rows so far, the number of the last line, the clock, and the line that is handed back."""
NO_CLOCK, SECONDS, COUNTER = range(3)
FIELDS: Final = 7
PTR, NAME_FIELD, SITE_FIELD, REQ_FIELD, ALLOC_FIELD, MASK, NODE_FIELD = range(FIELDS)
"""Fields whose values are looked for, and rows of the spans where they stand."""
DONE, FULL, ODD = range(3)
"""What a call ends with: no more data, no more room for rows, a line for Python."""
_WHOLE_DIGITS: Final = 9
"""Of seconds; nanoseconds then fit in 64 bits."""
_TICK_DIGITS: Final = 18
_NS_DIGITS: Final = 9
_POINTER_DIGITS: Final = 16


def _text(text: str) -> Data:
    return np.frombuffer(text.encode(), np.uint8)


def _tail(text: str) -> int:
    """The last eight characters, as they are put together while a key is read."""
    return int.from_bytes(text.encode()[-8:], "big")


_KMEM, _KMALLOC, _KFREE, _KMEM_CACHE = _text("kmem:"), _text("kmalloc"), _text("kfree"), _text("kmem_cache")
_CACHE_ALLOC, _CACHE_FREE, _NODE = _text("_alloc"), _text("_free"), _text("_node")
_LOST, _DROPPED, _NO_NODE, _BYTES = _text("LOST"), _text("DROPPED"), _text("0xffffffff"), _text("bytes_")
_PTR, _NAME_KEY, _NODE_KEY, _SITE_KEY = _tail("ptr"), _tail("name"), _tail("node"), _tail("call_site")
_REQ_KEY, _ALLOC_KEY, _FLAGS_KEY = _tail("bytes_req"), _tail("bytes_alloc"), _tail("gfp_flags")


def scan_lines(
    data: Data,
    size: int,
    state: Table,
    spans: Table,
    rows: Table,
    words: Table,
    word_text: Data,
    masks: Table,
    mask_text: Data,
) -> int:
    """Read lines of `data`, which has `size` bytes with the last line's end, into `rows`; see DONE, FULL and ODD.

    `spans` is scratch space.
    """
    at, row, line = state[AT], state[ROWS], state[NUMBER]
    ended = DONE
    while at < size:
        if row == rows.shape[0]:
            ended = FULL
            break
        line += 1
        start = at
        end = NONE
        if data[at] != HASH:
            while data[at] != NEWLINE and data[at] != OPEN:
                at += 1
            if data[at] == OPEN:
                end = _event(data, at, state[CLOCK], rows[row], spans)
            known = end != NONE and _fill(data, spans, rows[row], words, word_text, masks, mask_text)
            if known and data[end - 1] != BACKSLASH and end - start <= MAX_LINE_BYTES:
                rows[row, LINE] = line
                row += 1
                at = end + 1
                continue
        said, end = _other(data, start)
        at = end + 1
        if said or end - start > MAX_LINE_BYTES:
            state[ODD_BEGIN], state[ODD_END] = start, end
            ended = ODD
            break
    state[AT], state[ROWS], state[NUMBER] = at, row, line
    return ended


@compiled
def _other(data: Data, at: int) -> tuple[bool, int]:
    """Whether Python has to look at a line, and where it ends."""
    said = data[at] == HASH
    while data[at] != NEWLINE:
        letter = data[at]
        if letter == 107:  # k
            said |= stands_at(data, at, _KMALLOC) or stands_at(data, at, _KFREE) or stands_at(data, at, _KMEM_CACHE)
        elif letter == 76:  # L
            said |= stands_at(data, at, _LOST)
        elif letter == 68:  # D
            said |= stands_at(data, at, _DROPPED)
        at += 1
    return said, at


@compiled
def _event(data: Data, at: int, clock: int, row: Table, spans: Table) -> int:
    """Fill the first fields of the row of the event whose CPU stands in brackets at `at`; where its line ends, or NONE."""
    at = _cpu(data, at + 1, row)
    if at == NONE:
        return NONE
    at = _flags_and_time(data, at, clock, row)
    if at == NONE:
        return NONE
    at = _what(data, at, row)
    return NONE if at == NONE else _fields(data, at, spans)


@compiled
def _cpu(data: Data, at: int, row: Table) -> int:
    end = skip_digits(data, at)
    cpu = number(data, at, end)
    if cpu < 0 or cpu > MAX_CPU or data[end] != CLOSE or not is_blank(data[end + 1]):
        return NONE
    row[CPU] = cpu
    return skip_blanks(data, end + 1)


@compiled
def _time_end(data: Data, at: int) -> int:
    """The position behind a time and its colon, or NONE."""
    end = skip_digits(data, at)
    if end == at:
        return NONE
    if data[end] == POINT:
        end += 1
        if not is_digit(data[end]):
            return NONE
        end = skip_digits(data, end)
    return end + 1 if data[end] == COLON else NONE


@compiled
def _flags_and_time(data: Data, at: int, clock: int, row: Table) -> int:
    """The position of what follows the time and, where perf prints one, a period."""
    end = _time_end(data, at)
    if end == NONE:
        while not (is_space(data[at]) or data[at] == NEWLINE or data[at] == OPEN or data[at] == CLOSE):
            at += 1
        if not is_blank(data[at]):
            return NONE
        at = skip_blanks(data, at)
        end = _time_end(data, at)
    if end == NONE or not is_blank(data[end]) or not _time(data, at, clock, row):
        return NONE
    at = skip_blanks(data, end)
    end = skip_digits(data, at)
    if end > at:  # a period, unless it is a time and what stood before it were flags
        return skip_blanks(data, end) if is_blank(data[end]) else NONE
    return at


@compiled
def _time(data: Data, at: int, clock: int, row: Table) -> bool:
    end = skip_digits(data, at)
    if data[end] == POINT:
        if clock != SECONDS or end - at > _WHOLE_DIGITS:
            return False
    elif clock != COUNTER or end - at > _TICK_DIGITS:
        return False
    value = 0
    for place in range(at, end):
        value = value * 10 + (data[place] - ZERO)
    if data[end] == POINT:
        at = end + 1
        for _digit in range(_NS_DIGITS):
            value *= 10
            if is_digit(data[at]):
                value += data[at] - ZERO
                at += 1
    row[TIME] = value
    return True


@compiled
def _what(data: Data, at: int, row: Table) -> int:
    """The position of an event's fields."""
    if stands_at(data, at, _KMEM):
        at += 5
    row[KMALLOC] = 1
    row[WHAT] = IS_ALLOC
    if stands_at(data, at, _KMALLOC):
        at += 7
    elif stands_at(data, at, _KFREE):
        at += 5
        row[WHAT] = IS_FREE
    elif stands_at(data, at, _KMEM_CACHE):
        at += 10
        row[KMALLOC] = 0
        if stands_at(data, at, _CACHE_ALLOC):
            at += 6
        elif stands_at(data, at, _CACHE_FREE):
            at += 5
            row[WHAT] = IS_FREE
        else:
            return NONE
    else:
        return NONE
    if row[WHAT] != IS_FREE and stands_at(data, at, _NODE):
        at += 5
    if data[at] != COLON or not is_blank(data[at + 1]):
        return NONE
    at = skip_blanks(data, at + 1)
    if data[at] != BEGIN:
        return at
    at += 1
    while data[at] != END:  # the call site once more
        if data[at] == BEGIN or data[at] == NEWLINE:
            return NONE
        at += 1
    return skip_blanks(data, at + 1) if is_blank(data[at + 1]) else NONE


@compiled
def _fields(data: Data, at: int, spans: Table) -> int:
    """Find the fields that begin at `at` and where their values stand; where the line ends, or NONE."""
    for field in range(FIELDS):
        spans[field, 0] = spans[field, 1] = NONE
    first = True
    while True:
        while not first and is_space(data[at]):  # the first stands right behind blanks
            at += 1
        if data[at] == NEWLINE:
            return at
        begin, key = at, 0
        while is_word(data[at]):
            key = key << 8 | data[at]
            at += 1
        if at > begin and data[at] == EQUALS:
            value = at + 1
            at = _value_end(data, value)
            if at == NONE:
                return NONE
            field = _field(data, begin, value - 1 - begin, key)
            if field != NONE:
                spans[field, 0], spans[field, 1] = value, at
        else:
            while not (is_space(data[at]) or data[at] == NEWLINE):
                if data[at] == EQUALS:  # a key somewhere within
                    return NONE
                at += 1
            if first:
                return NONE
        first = False


@compiled
def _value_end(data: Data, at: int) -> int:
    """Where a value ends, with the module of a call site, or NONE if it is not clear."""
    while not (is_space(data[at]) or data[at] == NEWLINE):
        at += 1
    if data[at] != SPACE or data[at + 1] != OPEN:
        return at
    closing = at + 2
    while is_word(data[closing]):
        closing += 1
    if closing == at + 2 or data[closing] != CLOSE:
        return at
    closing += 1
    return closing if is_space(data[closing]) or data[closing] == NEWLINE else NONE


@compiled
def _field(data: Data, begin: int, length: int, key: int) -> int:
    """Which field a key is that begins at `begin`, with its last eight characters in `key`, or NONE."""
    if length == 3:
        return PTR if key == _PTR else NONE
    if length == 4:
        if key == _NAME_KEY:
            return NAME_FIELD
        return NODE_FIELD if key == _NODE_KEY else NONE
    if length == 9:
        if key == _SITE_KEY and data[begin] == 99:  # c
            return SITE_FIELD
        if key == _FLAGS_KEY and data[begin] == 103:  # g
            return MASK
        return REQ_FIELD if key == _REQ_KEY and data[begin] == 98 else NONE  # b
    if length == 11 and key == _ALLOC_KEY and stands_at(data, begin, _BYTES):
        return ALLOC_FIELD
    return NONE


@compiled
def _fill(data: Data, spans: Table, row: Table, words: Table, word_text: Data, masks: Table, mask_text: Data) -> bool:
    """Fill a row from values; whether all of them are known."""
    if spans[PTR, 0] < 0 or not _pointer(data, spans[PTR, 0], spans[PTR, 1], row):
        return False
    row[NAME] = _word(data, spans[NAME_FIELD], MAX_NAME, words, word_text)
    row[SITE] = _word(data, spans[SITE_FIELD], MAX_SITE, words, word_text)
    row[REQ] = row[ALLOC] = row[FLAGS] = 0
    row[NODE] = NONE
    if row[NAME] < 0 or row[SITE] < 0:
        return False
    if row[WHAT] == IS_FREE:
        return True
    row[REQ] = number(data, spans[REQ_FIELD, 0], spans[REQ_FIELD, 1])
    row[ALLOC] = number(data, spans[ALLOC_FIELD, 0], spans[ALLOC_FIELD, 1])
    row[FLAGS] = _word(data, spans[MASK], MAX_MASK, masks, mask_text)
    known = row[REQ] >= 0 and row[ALLOC] >= 1 and row[FLAGS] >= 0
    return known and _node(data, spans[NODE_FIELD, 0], spans[NODE_FIELD, 1], row)


@compiled
def _word(data: Data, span: Table, most: int, words: Table, text: Data) -> int:
    """The number of the word that stands there, or NONE if it is too long or new; a word that is not there is empty."""
    return find_word(data, span[0], span[1], words, text) if span[1] - span[0] <= most else NONE


@compiled
def _pointer(data: Data, begin: int, end: int, row: Table) -> bool:
    if begins_hex(data, begin, end):
        begin += 2
    digits = hex_digits(data, begin, end)
    if digits < 0 or digits > _POINTER_DIGITS:
        return False
    value = hex_value(data, begin, end)
    row[POINTER] = value
    row[OBJECT] = NO_OBJECT if 0 <= value <= ZERO_SIZE_PTR else HAS_OBJECT
    return True


@compiled
def _node(data: Data, begin: int, end: int, row: Table) -> bool:
    if begin < 0:
        return True
    if end - begin == 2 and data[begin] == MINUS and data[begin + 1] == ZERO + 1:
        return True
    if end - begin == len(_NO_NODE) and stands_at(data, begin, _NO_NODE):
        return True
    asked = number(data, begin, end)
    row[NODE] = asked
    return 0 <= asked <= MAX_NODE
