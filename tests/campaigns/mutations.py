# SPDX-License-Identifier: GPL-2.0-only
"""Files and words broken in every way that files and words get broken, by a generator of random numbers and nothing else.

Knows no format but lines, fields, numbers and gzip: what a reader makes of it is for `readers` to see.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Final

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""Makes other bytes of some; the last are the whole seeds, to take parts from."""

MAX_BYTES: Final = 1 << 20
"""Most bytes of a mutated file before it is packed: what is slow at a megabyte is slow at the readers' own bounds."""
BOMB_PIECE_BYTES: Final = 1 << 20
BOMB_PIECES: Final = 256
"""A bomb unpacks to this many pieces: 256 MiB in about a megabyte."""

NUMBERS: Final = (
    *(b"0", b"-0", b"-1", b"1", b"2", b"3", b"7", b"63", b"64", b"255", b"256", b"257", b"1023", b"1024", b"1025", b"8191"),
    *(b"8192", b"65535", b"65536", b"1048576", b"2147483647", b"2147483648", b"4294967295", b"4294967296", b"1000000000"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"1000000000000"),
    *(b"1e9", b"1e308", b"1e309", b"-1e309", b"1e-320", b"0.1", b".5", b"5.", b"nan", b"-nan", b"inf", b"-inf", b"Infinity"),
    *(b"0x0", b"0xffffffffffffffff", b"0x10000000000000000", b"0o7", b"0b1", b"1_000", b"+1", b"--1", b"1 000", b"1,000", b"00"),
    *("\u0661\u0662".encode(), "\u00b2".encode(), "\uff11".encode()),
)
"""Numbers at edges, and what some readers take for numbers: other writings and other scripts' digits."""
LETTERS: Final = (
    *(b"\x00", b"\x07", b"\x08", b"\x0b", b"\x0c", b"\x1a", b"\x1b", b"\x1b[31m", b"\x1b]0;title\x07", b"\x7f", b"\r", b"\t"),
    *(
        b"\xff",
        b"\xfe",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        b"\xef\xbb\xbf",
        b"\xc2\x85",
        b"\xc2\xa0",
        b"\xc2\x9b31m",
    ),
    *("\u202e", "\u2066", "\u2028", "\u200b", "\u0301", "\u0130", "\ufffe", "\U000e0001", "\u30cf\u3099", "\u2603"),
)
"""Control characters, escape sequences, overrides of direction, halves of characters and other letters that print badly."""
TOKENS: Final = (
    *(
        b"",
        b" ",
        b"-",
        b"--",
        b".",
        b"..",
        b"...",
        b"/",
        b"/dev/zero",
        b"~",
        b"*",
        b"%s%n",
        b"{}",
        b"{0}",
        b"[]",
        b"()",
        b"\\",
        b"\\n",
    ),
    *(
        b"'",
        b'"',
        b'"""',
        b"'''",
        b"`",
        b"#",
        b"//",
        b"<!--",
        b"]]>",
        b"<![CDATA[",
        b"&amp;",
        b"&x;",
        b"<a>",
        b"</a>",
        b"<?xml?>",
    ),
    *(
        b"null",
        b"None",
        b"true",
        b"false",
        b"[[",
        b"]]",
        b"{",
        b"}",
        b"=",
        b"==",
        b":",
        b"::",
        b";",
        b",",
        b",,",
        b"|",
        b"@",
        b"+",
    ),
    *(
        b"__class__",
        b"__proto__",
        b"$ref",
        b"name",
        b"all",
        b"host",
        b"kind",
        b"file",
        b"-1:",
        b"1:1",
        b"0:0,1:1",
        b"\n",
        b"\n\n",
    ),
    *(
        b"\r\n",
        b"\r",
        b"\xef\xbb\xbf",
        b"1970-01-01",
        b"07:32:00",
        b"2000-01-01T00:00:00Z",
        b"<(null)>",
        b"(nil)",
        b"____ptrval____",
    ),
)
"""Words that mean something somewhere."""

_NUMBER: Final = re.compile(rb"\d+(?:\.\d+)?")
_FIELD: Final = re.compile(rb"[^\s,;:=<>\[\]{}()\"]+")
_OPENERS: Final = (
    b"[",
    b"{",
    b"(",
    b"<a>",
    b'<object type="Group">',
    b'{"a":',
    b"[[",
    b"a.",
    b"a={",
    b"'",
    b'"',
    b"/",
    b"> ",
    b"\t",
)


def mutated(data: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """`data` after one to five changes; parts may come from `others`."""
    for _change in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        data = random.choices(MUTATIONS, WEIGHTS)[0](data, random, others or (data,))[:MAX_BYTES]
    return data


def packed(data: bytes, random: Random) -> bytes:
    """`data` as gzip: mostly whole; cut, damaged, twice over, followed by something else, or a bomb instead."""
    whole = gzip.compress(data, 1, mtime=0)
    match random.choices(range(7), (60, 10, 10, 5, 5, 5, 1))[0]:
        case 0:
            return whole
        case 1:
            return whole[: random.randrange(len(whole))]
        case 2:
            return _flip(whole, random, ())
        case 3:
            return gzip.compress(whole, 1, mtime=0)
        case 4:
            return whole + random.choice((b"\0" * 512, b"trailing", whole, b"\x1f\x8b"))
        case 5:
            return b"\x1f\x8b" + data
        case _:
            lines = data[:4096].splitlines(keepends=True) or [b"\n"]
            return bomb(random.choice((b"\0", b" ", b"\n", b"9", b"[", random.choice(lines))))


@lru_cache(maxsize=16)
def bomb(piece: bytes) -> bytes:
    """A quarter of a gigabyte of `piece` again and again, as gzip: gzip members may follow each other."""
    return gzip.compress(piece * (BOMB_PIECE_BYTES // len(piece)), 1, mtime=0) * BOMB_PIECES


def word(random: Random) -> bytes:
    """A word that means trouble: a number at an edge, a number without an end, a letter that does not print, a keyword."""
    return random.choice(
        (_nasty_number, _digits, lambda random: b"a" + _letter(random) + b"b", lambda random: random.choice(TOKENS))
    )(random)


def _letter(random: Random) -> bytes:
    letter = random.choice(LETTERS)
    return letter if isinstance(letter, bytes) else letter.encode()


def _nasty_number(random: Random) -> bytes:
    return random.choice(NUMBERS)


def _digits(random: Random) -> bytes:
    many = random.choice((18, 19, 20, 21, 25, 310, 4300, 4301, 5000, 20_000))
    return random.choice((b"", b"", b"-", b"0x", b"0.", b"1e")) + random.choice((b"9", b"1", b"0", b"f")) * many


def _many(random: Random) -> int:
    """How often something comes again: mostly a few times, now and then more often than any reader expects."""
    return random.choice((2, 3, 10, 100, 100, 300, 1000, 3000, 5000, 20_000, 60_000))


def _place(data: bytes, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _range(data: bytes, random: Random) -> tuple[int, int]:
    start = _place(data, random)
    return start, min(len(data), start + random.choice((1, 2, 5, 20, 100, 1000)))


def _insert(data: bytes, at: int, what: bytes) -> bytes:
    return data[:at] + what + data[at:]


def _flip(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    changed = bytearray(data)
    for _byte in range(random.choice((1, 1, 2, 8)) if changed else 0):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _noise(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    return _insert(data, _place(data, random), random.randbytes(random.choice((1, 2, 8, 64))))


def _cut(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    start, end = _range(data, random)
    return random.choice((data[:start], data[start:], data[:start] + data[end:], data[:start] + data[end:]))


def _again(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    start, end = _range(data, random)
    return _insert(data, random.choice((end, _place(data, random))), data[start:end] * random.choice((1, 1, 2, 10, 1000)))


def _splice(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    other = random.choice(others)
    start, end = _range(other, random)
    if random.random() < 0.5:
        return data[: _place(data, random)] + other[start:]
    return _insert(data, _place(data, random), other[start:end])


def _word(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    return _insert(data, _place(data, random), word(random))


def _match(pattern: re.Pattern[bytes], data: bytes, random: Random) -> re.Match[bytes] | None:
    """A match somewhere, found without looking through all of the data."""
    return pattern.search(data, _place(data, random)) or pattern.search(data)


def _number(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    found = _match(_NUMBER, data, random)
    if found is None:
        return data
    near = str(max(0, int(float(found[0][:15])) + random.choice((-1, 1, 2, 10)))).encode()
    other = random.choice(
        (_nasty_number(random), _nasty_number(random), _digits(random), near, near, b"-" + found[0], found[0] * 2)
    )
    return data[: found.start()] + other + data[found.end() :]


def _field(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """A field replaced: by a word, by a field from elsewhere, by nothing, by itself many times."""
    found = _match(_FIELD, data, random)
    if found is None:
        return data
    elsewhere = _match(_FIELD, random.choice((data, random.choice(others))), random)
    other = random.choice((word(random), elsewhere[0] if elsewhere else b"", b"", found[0][:40] * _many(random)))
    return data[: found.start()] + other + data[found.end() :]


def _letters(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    found = _match(_FIELD, data, random)
    start, end = found.span() if found else (0, 0)
    return _insert(data, random.randint(start, end), _letter(random))


def _run(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """A long run of blanks, or of one short piece of the data."""
    found = _match(_FIELD, data, random)
    piece = random.choice(
        (b" ", b"\t", b" \t", b"\n", b"#", b"a", b"0", b",", b" 0", b"\n ", found[0][:8] + b" " if found else b"x")
    )
    return _insert(data, random.choice((_place(data, random), found.start() if found else 0)), piece * _many(random))


def _nest(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    found = _match(_FIELD, data, random)
    start, end = found.span() if found and random.random() < 0.5 else (_place(data, random),) * 2
    opener, many = random.choice(_OPENERS), random.choice((3, 100, 900, 3000, 60_000))
    closer = {b"[": b"]", b"{": b"}", b"(": b")", b"<a>": b"</a>", b'{"a":': b"}", b"[[": b"]]"}.get(opener, b"")
    return data[:start] + opener * many + random.choice((b"", b"0", b"0" + closer * many)) + data[end:]


def _lines(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Lines left out, doubled, exchanged, from elsewhere, joined, in another order, with other ends."""
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(9):
        case 0:
            del lines[at : at + random.choice((1, 2, 10))]
        case 1:
            lines[at:at] = [lines[other]] * (_many(random) if len(lines[other]) < 200 else random.choice((1, 2, 100)))
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(at, random.choice(random.choice(others).split(b"\n")))
        case 4:
            lines[at : at + 2] = [b"".join(lines[at : at + 2])]
        case 5:
            part = lines[at : at + 20]
            random.shuffle(part)
            lines[at : at + 20] = part
        case 6:
            return random.choice((b"\r\n", b"\r", b"\n\n", b" \n", b"\n\t")).join(lines)
        case 7:
            lines[at] = b""
        case _:
            lines[at] = random.choice((b" ", b"\t", b"#", b"-", b"> ", b"[")) + lines[at]
    return b"\n".join(lines)


def _line_fields(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    """The fields of a line in another number or order."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    separator = random.choice([mark for mark in (b" ", b",", b"=", b":", b"\t", b".") if mark in lines[at]] or [b" "])
    fields = lines[at].split(separator)
    one, other = random.randrange(len(fields)), random.randrange(len(fields))
    match random.randrange(5):
        case 0:
            del fields[one]
        case 1:
            fields[one], fields[other] = fields[other], fields[one]
        case 2:
            fields.insert(one, fields[other])
        case 3:
            fields[one] = word(random)
        case _:
            fields[one:one] = [fields[other][:40]] * _many(random)
    lines[at] = separator.join(fields)
    return b"\n".join(lines)


def _encoding(data: bytes, random: Random, _others: Sequence[bytes]) -> bytes:
    text = data.decode("utf-8", "replace")
    return random.choice(
        (b"\xef\xbb\xbf" + data, text.encode("utf-16"), text.encode("utf-32"), text.encode("latin-1", "replace"))
    )


def _nothing(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    return random.choice((b"", b"\n", b" ", b"#", b"\0" * 100, random.randbytes(200), random.choice(others), data * 3))


WEIGHTED: Final[tuple[tuple[Mutation, int], ...]] = (
    (_number, 12),
    (_field, 10),
    (_lines, 10),
    (_line_fields, 10),
    (_word, 5),
    (_letters, 5),
    (_flip, 6),
    (_cut, 4),
    (_again, 4),
    (_splice, 5),
    (_run, 3),
    (_nest, 2),
    (_noise, 2),
    (_encoding, 1),
    (_nothing, 1),
)
"""Every mutation, and how often it comes beside the others."""
MUTATIONS: Final = tuple(mutation for mutation, _weight in WEIGHTED)
WEIGHTS: Final = tuple(weight for _mutation, weight in WEIGHTED)
