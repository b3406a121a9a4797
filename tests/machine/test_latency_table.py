# SPDX-License-Identifier: GPL-2.0-only
"""Latency tables in the forms that tools and people give them: each is read as the same matrix, or refused in one line."""

from __future__ import annotations

import pytest

from slabdes.errors import InputError
from slabdes.machine.files import FileKind, kind_of
from slabdes.machine.latencies import parse_latencies

FOUR = (
    (0, 41_000, 42_500, 43_000),
    (41_000, 0, 44_000, 45_000),
    (42_500, 44_000, 0, 46_000),
    (43_000, 45_000, 46_000, 0),
)
CONSOLE = """CPU: some processor
Num cores: 4
Num iterations per samples: 5000

 1) CAS latency on a single shared cache line

       0       1       2       3
   0
   1   41±2
   2   42.5±1    44±2
   3   43±2    45±1    46±2

    Min  latency: 41.0ns ±1.0 cores: (1,0)
    Max  latency: 46.0ns ±1.0 cores: (3,2)
    Mean latency: 43.0ns

 2) Single-writer single-reader latency on two shared cache lines

       0       1       2       3
   0
   1   99±2
   2   99±1    99±2
   3   99±2    99±1    99±2
"""
FORMS = {
    "an index and a header": ",0,1,2,3\n0,,41,42.5,43\n1,41,,44,45\n2,42.5,44,,46\n3,43,45,46,\n",
    "a header alone": "0,1,2,3\n0,41,42.5,43\n41,0,44,45\n42.5,44,0,46\n43,45,46,0\n",
    "an index alone": "0,,41,42.5,43\n1,41,,44,45\n2,42.5,44,,46\n3,43,45,46,\n",
    "labels": "core,CPU0,CPU1,CPU2,CPU3\nCPU0,x,41,42.5,43\nCPU1,41,x,44,45\nCPU2,42.5,44,x,46\nCPU3,43,45,46,x\n",
    "CPUs with gaps": ",0,2,4,6\n0,,41,42.5,43\n2,41,,44,45\n4,42.5,44,,46\n6,43,45,46,\n",
    "counted from one": ",1,2,3,4\n1,,41,42.5,43\n2,41,,44,45\n3,42.5,44,,46\n4,43,45,46,\n",
    "N/A on the diagonal": "N/A,41,42.5,43\n41,N/A,44,45\n42.5,44,N/A,46\n43,45,46,N/A\n",
    "decimal commas": ";41,0;42,5;43\n41;;44;45\n42,5;44;;46\n43;45;46;\n",
    "decimal commas and spaces": "0,0 41,0 42,5 43,0\n41,0 0,0 44,0 45,0\n42,5 44,0 0,0 46,0\n43,0 45,0 46,0 0,0\n",
    "quotes": '"","41","42.5","43"\n"41","","44","45"\n"42.5","44","","46"\n"43","45","46",""\n',
    "quotes around decimal commas": '"","41,0","42,5","43"\n"41","","44","45"\n"42,5","44","","46"\n"43","45","46",""\n',
    "spaces": "0 41 42.5 43\n41 0 44 45\n42.5 44 0 46\n43 45 46 0\n",
    "comments": "# one way, ns\n// idle\n,,,\n41,,,\n# half\n42.5,44,,\n43,45,46,\n",
    "a console": CONSOLE,
    "a byte order mark": "\ufeff,41,42.5,43\n41,,44,45\n42.5,44,,46\n43,45,46,\n",
    "pairs": "cpu_a,cpu_b,latency_ns\n0,1,41\n0,2,42.5\n0,3,43\n1,2,44\n1,3,45\n2,3,46\n",
    "pairs without a header": "0 1 41\n0 2 42.5\n0 3 43\n1 2 44\n1 3 45\n2 3 46\n",
    "pairs in both directions": "0,1,40\n1,0,42\n0,2,42.5\n0,3,43\n1,2,44\n1,3,45\n2,3,46\n",
    "pairs with more columns": "from,to,stddev,mean_ns\n0,1,2,41\n0,2,2,42.5\n0,3,2,43\n1,2,2,44\n1,3,2,45\n2,3,2,46\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_the_same_in_every_form(form: str) -> None:
    assert kind_of(FORMS[form].removeprefix("\ufeff"), "t") is FileKind.LATENCIES
    assert parse_latencies(FORMS[form], "t") == FOUR


def test_three_pairs_are_pairs_and_three_rows_of_a_square_are_a_square() -> None:
    three = ((0, 41_000, 42_000), (41_000, 0, 43_000), (42_000, 43_000, 0))
    assert parse_latencies("0,1,41\n0,2,42\n1,2,43\n", "t") == three
    assert parse_latencies("0,41,42\n41,0,43\n42,43,0\n", "t") == three
    assert parse_latencies(",41,42\n41,,43\n42,43,\n", "t") == three


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0,0,0\n0,0,0\n0,0,0\n", "nothing but zeros"),
        ("0-3,8-11\n", "1 row"),
        ("0,1,2,3,8,9,10,11\n", "1 row"),
        ("0,1,41\n0,2,42\n1,2,43\n0,1,44\n", "line 4: CPUs 0 and 1 again"),
        ("0,1,41\n0,2,42\n1,2,43\n0,3,44\n", "nothing in row 3, column 1"),
        ("a,b,c\na,,1,2\nb,1,,far\nc,2,far,\n", "line 3: column 3: 'far' is not a latency"),
        ("\n" * 2_000_000 + "1", "2000001 lines"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_latencies(text, "t")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
