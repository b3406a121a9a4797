# SPDX-License-Identifier: GPL-2.0-only
"""Tables of core-to-core latency: read, put on a topology, and grouped where there is none."""

from __future__ import annotations

import pytest
from samples import LATENCIES, NUMACTL, SHARED

from slabdes.errors import InputError
from slabdes.machine.grouping import group
from slabdes.machine.latencies import describe_latencies, parse_latencies, with_latencies
from slabdes.machine.numactl import parse_numactl

REAL = SHARED / "machines" / "core_to_core"
THREE = ((0, 40_500, 41_000), (40_500, 0, 42_250), (41_000, 42_250, 0))


@pytest.mark.parametrize(
    "text",
    [
        ",,\n40.5,,\n41,42.25,\n",  # as core-to-core-latency writes it
        ",40.5,41\n,,42.25\n,,\n",  # the upper half
        "0,40.5,41\n40.5,0,42.25\n41,42.25,0",  # full
        "\n40.5\n41,42.25\n",  # the lower half alone
        "0\n40.5,0\n41,42.25,0\n",  # with the diagonal
        ";;\r\n 40.5 ;;\r\n41.0;4.225e1;\r\n",
        "\t\t\n40.5\t\t\n41\t42.25\t\n\n",
        'nan,nan,nan\n"40.5",nan,nan\n4.1e+01,42.25,NaN\n',
        "9,40,40\n41,9,42.25\n42,42.25,9\n",  # both directions: their mean; the diagonal does not matter
    ],
)
def test_any_half_or_both_give_the_same_symmetric_picoseconds(text: str) -> None:
    assert parse_latencies(text, "t.csv") == THREE


BAD = {
    "a blank pair": (",,\n40.5,,\n41,,\n", "nothing in row 2, column 1, nor the other way round"),
    "cut in a row": (",,\n40.5,,\n41,4", "row 2 has 2 columns, but there are 3 rows (cut off?)"),
    "cut after a row": (",,\n40.5,,\n", "row 0 has 3 columns, but there are 2 rows (cut off?)"),
    "negative": (",\n-3,\n", "line 2: column 1: '-3' is not a latency; allowed: 0 to 1e+09 ns, or nothing"),
    "endless": (",\ninf,\n", "'inf' is not a latency"),
    "beyond a second": (",\n1e10,\n", "'1e10' is not a latency"),
    "less than a picosecond": (
        ",\n0.0004,\n",
        "column 1: 0.0004 is less than 0.001, the least that is told from 0; allowed: 0, or 0.001 and",
    ),
    "a word": (",\nfar,\n", "'far' is not a latency"),
    "a long word": (",\n" + "9" * 100_000 + ",\n", "9... (100,000 characters)' is not a latency"),
    "one row": (",\n", "1 row; allowed: 2 to 1024"),
    "too many rows": ("1,\n" * 1025, "1025 rows; allowed: 2 to 1024"),
    "too many columns": ("," * 2_000_000 + "\n,\n", "line 1: 2000001 columns; allowed: at most 1024"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_table_that_is_wrong_is_one_line(case: str) -> None:
    text, said = BAD[case]
    with pytest.raises(InputError) as caught:
        parse_latencies(text, "t.csv")
    line = str(caught.value)
    assert said in line
    assert line.startswith("t.csv")
    assert "\n" not in line
    assert len(line) < 300


def test_a_table_alone_tells_threads_and_nodes_and_says_what_is_assumed() -> None:
    machine = describe_latencies(LATENCIES, "t.csv", "t.csv").build()
    assert machine.core_of_cpu == (0, 1, 2, 3, 0, 1, 2, 3)
    assert machine.node_of_cpu == (0, 0, 1, 1, 0, 0, 1, 1)
    assert machine.transfer_ps[0][1:5] == (45_250, 130_000, 130_000, 7_500)
    told = dict(machine.sources)
    assert "found by clustering" in told["topology"]
    assert "assumed" in told["memory_mib"]
    assert "assumed" in told["distances"]


def test_on_a_topology_the_table_gives_the_transfers_and_the_topology_the_rest() -> None:
    topology = parse_numactl(NUMACTL, "two", "two")
    text = "\n".join(",".join("" if b >= a else str(10 * a + b) for b in range(4)) for a in range(4))
    machine = with_latencies(topology, text, "t.csv", "t.csv").build()
    plain = topology.build()
    assert (machine.node_of_cpu, machine.distances, machine.dram_ps) == (plain.node_of_cpu, plain.distances, plain.dram_ps)
    assert machine.transfer_ps[3] == (30_000, 31_000, 32_000, 0)
    assert "t.csv" in dict(machine.sources)["transfer_ns"]


@pytest.mark.parametrize("prompt", ["$", "[root@box ~]# ", "user@host:~/runs$"])
def test_a_shells_prompt_around_a_table_is_left_out_and_said(prompt: str) -> None:
    table = "0,41\n41,0\n"
    told = describe_latencies(table + prompt, "t", "t.csv")
    assert told.transfer_ps == describe_latencies(table, "t", "t.csv").transfer_ps
    assert dict(told.sources)["left out"] == "line 3: what a terminal printed beside"
    before = describe_latencies(f"{prompt.strip()} cat t.csv\n{table}", "t", "t.csv")
    assert dict(before.sources)["left out"].startswith("line 1:")
    with pytest.raises(InputError):
        describe_latencies(f"0,41\n{prompt}x\n41,0\n", "t", "t.csv")


def test_a_table_of_another_number_of_cpus_is_one_line() -> None:
    with pytest.raises(InputError, match=r"t.csv: 3 CPUs, but two has 4; allowed: a table of the same machine"):
        with_latencies(parse_numactl(NUMACTL, "two", "two"), "\n1\n1,1\n", "t.csv", "t.csv")


def _matrix(cpus: int, nearness: dict[int, int], far: int) -> list[list[int]]:
    """CPUs in blocks: `nearness` gives the latency (ns) within blocks of each size, `far` beyond them."""
    within = sorted(nearness.items())
    return [
        [0 if a == b else 1000 * next((ns for size, ns in within if a // size == b // size), far) for b in range(cpus)]
        for a in range(cpus)
    ]


def test_three_levels_are_threads_clusters_and_nodes() -> None:
    found = group(_matrix(32, {2: 8, 8: 25, 16: 100}, 250))
    assert found.core_of_cpu == tuple(cpu // 2 for cpu in range(32))
    assert found.cluster_of_core == tuple(core // 4 for core in range(16))
    assert found.node_of_cpu == tuple(cpu // 16 for cpu in range(32))


def _disturbed(case: str) -> list[list[int]]:
    """The same machine where something else ran while a part of it was measured."""
    matrix = _matrix(32, {2: 8, 8: 25, 16: 100}, 250)
    for a in range(32):
        for b in range(32):
            together = a // 2 == b // 2
            if (
                (case == "a core" and a != b and a // 2 == b // 2 == 0)
                or (case == "a CPU" and 5 in (a, b) and not together and a != b)
                or (case == "a socket" and a < 16 and b < 16 and a // 8 != b // 8)
            ):
                matrix[a][b] = matrix[a][b] * 24 // 10
    return matrix


@pytest.mark.parametrize("case", ["a core", "a CPU", "a socket"])
def test_what_disturbs_a_part_of_the_machine_hides_no_threads_clusters_or_nodes(case: str) -> None:
    matrix = _disturbed(case)
    assert matrix != _disturbed("nothing")
    assert group(matrix) == group(_disturbed("nothing"))


def test_a_zero_here_and_there_is_a_pair_that_was_not_measured() -> None:
    whole = _matrix(32, {2: 8, 8: 25, 16: 100}, 250)
    holed = [
        [0 if {a, b} in ({0, 1}, {3, 9}, {2, 30}) else ns // 1000 for b, ns in enumerate(row)] for a, row in enumerate(whole)
    ]
    read = parse_latencies("".join(",".join(map(str, row)) + "\n" for row in holed), "t.csv")
    assert [list(row)[2:] for row in read[2:]] == [row[2:] for row in whole[2:]]
    assert read[0][1] == read[1][0] == 25_000  # no CPU but these two is nearer
    # Where most CPUs have one it is no gap: threads of a core, say, that are nearer than the clock tells.
    threads = [[0 if a // 2 == b // 2 else 40 for b in range(4)] for a in range(4)]
    assert parse_latencies("".join(",".join(map(str, row)) + "\n" for row in threads), "t.csv")[0] == (0, 0, 40_000, 40_000)


def test_a_lone_level_of_many_groups_is_clusters_and_of_few_nodes() -> None:
    many = group(_matrix(32, {2: 25}, 100))
    assert (many.node_of_cpu, many.cluster_of_core) == ((0,) * 32, tuple(cpu // 2 for cpu in range(32)))
    few = group(_matrix(32, {16: 45}, 100))
    assert (few.node_of_cpu, few.cluster_of_core) == (tuple(cpu // 16 for cpu in range(32)), None)


def test_what_shares_a_cache_and_pairs_are_no_nodes_unless_they_are_asked_for() -> None:
    for matrix, parts in ((_matrix(32, {16: 25}, 100), 2), (_matrix(8, {2: 45}, 100), 4)):
        found, asked = group(matrix), group(matrix, parts)
        each = tuple(cpu * parts // len(matrix) for cpu in range(len(matrix)))
        assert (found.node_of_cpu, found.cluster_of_core) == ((0,) * len(matrix), each)
        assert (asked.node_of_cpu, asked.cluster_of_core) == (each, None)
        with pytest.raises(ValueError, match=f"1, {parts}"):
            group(matrix, 3)
    with pytest.raises(InputError, match=r"t.csv: no level of 3 groups; allowed: nodes: 1, 2"):
        describe_latencies(LATENCIES, "t.csv", "t.csv", nodes=3)


def test_groups_need_not_be_equal_and_pairs_are_judged_one_by_one() -> None:
    sockets = [
        [0 if a == b else 8 if a // 2 == b // 2 else 50 if (a < 6) == (b < 6) else 115 for b in range(10)] for a in range(10)
    ]
    found = group([[1000 * ns for ns in row] for row in sockets])
    assert found.node_of_cpu == (0,) * 6 + (1,) * 4
    assert found.core_of_cpu == (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)
    hybrid = [[0 if a == b else 6 if a // 2 == b // 2 and a < 4 else 45 for b in range(8)] for a in range(8)]
    assert group([[1000 * ns for ns in row] for row in hybrid]).core_of_cpu == (0, 0, 1, 1, 2, 3, 4, 5)


def test_cores_that_share_a_cache_are_no_threads_of_one_core() -> None:
    assert group(_matrix(8, {2: 16}, 100)).core_of_cpu == tuple(range(8))
    assert group(_matrix(8, {2: 15}, 100)).core_of_cpu == (0, 0, 1, 1, 2, 2, 3, 3)


@pytest.mark.parametrize("matrix", [_matrix(8, {}, 40), _matrix(8, {4: 40}, 51), _matrix(8, {}, 0), _matrix(2, {}, 50)])
def test_what_is_nearly_equal_makes_no_level(matrix: list[list[int]]) -> None:
    found = group(matrix)
    assert found.core_of_cpu == tuple(range(len(matrix)))
    assert found.node_of_cpu == (0,) * len(matrix)
    assert found.cluster_of_core is None


REAL_GROUPS = {  # cores, clusters (0: none), nodes; sockets and threads as the processors' makers tell them
    "2x_AMD_EPYC_7601.csv": (64, 16, 2),
    "2x_AMD_EPYC_7742.csv": (128, 32, 2),
    "2x_IBM_POWER9.csv": (128, 16, 2),  # its threads are as near as its pairs of cores: a cluster
    "2x_Intel_Xeon_8275CL.csv": (48, 0, 2),
    "2x_Intel_Xeon_E5-2680v4.csv": (28, 0, 2),
    "2x_Intel_Xeon_Gold_6242.csv": (32, 0, 2),
    "2x_Intel_Xeon_X5650.csv": (12, 0, 2),
    "4x_Intel_Xeon_E5-4650v2.csv": (20, 0, 2),  # 40 CPUs were measured: two of the sockets
    "AWS_Graviton3.csv": (64, 0, 1),
    "HiSilicon_Kunpeng_920-6426.csv": (64, 0, 2),
}


@pytest.mark.parametrize("name", REAL_GROUPS)
def test_sockets_and_threads_of_real_tables_are_found(name: str) -> None:
    if not REAL.is_dir():
        pytest.skip("the real tables are not here")
    machine = describe_latencies((REAL / name).read_text(), name, name).build()
    clusters = 0 if machine.cluster_of_core is None else len(set(machine.cluster_of_core))
    assert (machine.n_cores, clusters, machine.n_nodes) == REAL_GROUPS[name]


def test_every_real_table_is_in_the_list_of_expected_groups() -> None:
    if not REAL.is_dir():
        pytest.skip("the real tables are not here")
    assert {file.name for file in REAL.iterdir()} == set(REAL_GROUPS)


def test_grouping_does_not_load_scipy_until_it_is_asked_for() -> None:
    import subprocess
    import sys

    program = "import sys, slabdes.machine.grouping, slabdes.machine.latencies; assert not {'numpy', 'scipy'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
