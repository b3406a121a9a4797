# SPDX-License-Identifier: GPL-2.0-only
"""hwloc XML: what a machine gets from it, and what is refused."""

from __future__ import annotations

import time

import pytest
from samples import HEAD, TWO_PACKAGES, core, cpus, matrix, numa, package, tag, xml

from slabdes.errors import InputError
from slabdes.machine.hwloc import MAX_DEPTH, MAX_ELEMENTS, MAX_SHARED, parse_hwloc
from slabdes.machine.topology import Machine


def read(text: str) -> Machine:
    return parse_hwloc(text, "m.xml", "m.xml").build()


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_both_formats_give_cpus_threads_nodes_memory_and_distances(version: str) -> None:
    machine = read(TWO_PACKAGES.replace('version="2.0"', f'version="{version}"'))
    assert machine.node_of_cpu == (0, 0, 1, 1, 0, 0, 1, 1)
    assert machine.core_of_cpu == (0, 1, 2, 3, 0, 1, 2, 3)
    assert machine.memory_mib() == (64.0, 64.0)
    assert machine.distances == ((10, 21), (21, 10))
    assert machine.name == "m"
    assert f"hwloc XML {version}" in machine.source


def test_sparse_numbers_of_cpus_and_nodes_become_dense_in_their_order() -> None:
    body = package([[70], [8]], numa(9, 8, 70)) + package([[3], [64]], numa(2, 3, 64))
    machine = read(xml(body, after=matrix([9, 2], [10, 30, 40, 10])))
    assert machine.node_ids == (2, 9)
    assert machine.node_of_cpu == (0, 1, 0, 1)  # CPUs 3, 8, 64, 70
    assert machine.distances == ((10, 40), (30, 10))  # [from][to]: from node 9 to node 2 it is 30


def test_memory_beside_a_node_is_a_node_without_cpus() -> None:
    body = package([[0], [1]], numa(0, 0, 1) + numa(2, 0, 1, mib=128)) + package([[2], [3]], numa(1, 2, 3))
    machine = read(xml(body))
    assert [machine.cpus_of_node(node) for node in range(3)] == [(0, 1), (2, 3), ()]
    assert machine.memory_mib() == (64.0, 64.0, 128.0)


def test_a_node_for_the_whole_machine_leaves_cpus_to_the_nodes_of_their_packages() -> None:
    machine = read(xml(numa(0, 0, 1, 2, 3) + package([[0], [1]], numa(1, 0, 1)) + package([[2], [3]], numa(2, 2, 3))))
    assert machine.node_of_cpu == (1, 1, 2, 2)


def test_a_node_far_from_every_cpu_keeps_an_empty_set() -> None:
    machine = read(xml(package([[0]], numa(0, 0)) + numa(7, mib=512)))
    assert (machine.node_ids, machine.cpus_of_node(1)) == ((0, 7), ())


def test_a_node_whose_size_is_left_out_has_no_memory_if_others_tell_theirs() -> None:
    machine = read(xml(package([[0]], numa(0, 0, mib=None)) + package([[1]], numa(1, 1))))
    assert machine.memory_mib() == (0.0, 64.0)


def test_memory_that_no_node_tells_is_assumed_and_said_so() -> None:
    machine = read(xml(package([[0]], numa(0, 0, mib=None))))
    assert machine.memory_mib() == (4096.0,)
    assert "assumed" in dict(machine.sources)["memory_mib"]


def test_cpus_whose_node_is_not_in_the_file_are_on_that_node_without_memory() -> None:
    lost = tag("Core", tag("PU", os_index=1, cpuset=cpus(1), nodeset="0x0", complete_nodeset="0x00000008"), cpuset=cpus(1))
    machine = read(xml(package([[0]], numa(0, 0)) + tag("Package", lost, cpuset=cpus(1))))
    assert (machine.node_ids, machine.node_of_cpu, machine.memory_mib()) == ((0, 3), (0, 1), (64.0, 0.0))


def test_cpus_of_no_node_at_all_get_one_without_memory() -> None:
    machine = read(xml(package([[0]], numa(0, 0)) + package([[1], [2]])))
    assert (machine.node_ids, machine.node_of_cpu, machine.memory_mib()) == ((0, 1), (0, 1, 1), (64.0, 0.0))


def test_cpus_of_no_node_at_all_stay_apart_by_package() -> None:
    machine = read(xml(package([[0]], numa(0, 0)) + package([[1], [2]]) + package([[3], [4]])))
    assert (machine.node_ids, machine.node_of_cpu, machine.memory_mib()) == ((0, 1, 2), (0, 1, 1, 2, 2), (64.0, 0.0, 0.0))


def test_cpus_without_a_core_object_are_cores_of_their_own() -> None:
    pus = "".join(tag("PU", os_index=cpu, cpuset=cpus(cpu)) for cpu in range(3))
    assert read(xml(numa(0, 0, 1, 2) + pus)).core_of_cpu == (0, 1, 2)


def test_threads_that_fake_nodes_tear_apart_are_cores_of_their_own() -> None:
    machine = read(xml(numa(0, 0) + numa(1, 1) + core(0, 1)))
    assert (machine.node_of_cpu, machine.core_of_cpu) == ((0, 1), (0, 1))


def cache(kind: str, inside: str, *own: int, **more: object) -> str:
    return tag(kind, inside, cpuset=cpus(*own), **more)


def test_a_cluster_is_the_largest_cache_that_part_of_a_node_shares() -> None:
    pairs = [cache("L2Cache", core(a) + core(a + 1), a, a + 1) for a in (0, 2, 4)]
    inside = cache("L3Cache", pairs[0] + pairs[1], 0, 1, 2, 3) + cache("L3Cache", pairs[2] + core(6), 4, 5, 6)
    assert read(xml(numa(0, *range(7)) + inside)).cluster_of_core == (0, 0, 0, 0, 1, 1, 1)


def test_a_cache_of_the_whole_node_is_no_cluster_and_those_below_it_are() -> None:
    inside = cache("L2Cache", core(0) + core(1), 0, 1) + cache("L2Cache", core(2), 2) + cache("L2Cache", core(3), 3)
    machine = read(xml(cache("L3Cache", numa(0, 0, 1, 2, 3) + inside, 0, 1, 2, 3)))
    assert machine.cluster_of_core == (0, 0, 1, 2)


def test_the_last_level_is_the_highest_that_each_core_has_with_the_smallest_size() -> None:
    inside = "".join(cache("L2Cache", core(cpu), cpu, cache_size=1 << 20) for cpu in range(4))
    whole = read(xml(numa(0, 0, 1, 2, 3) + cache("L3Cache", inside, 0, 1, 2, 3, cache_size=33 << 20)))
    assert (whole.llc_mib, whole.llc_of_core) == (33.0, (0, 0, 0, 0))
    below = read(xml(numa(0, 0, 1, 2, 3) + cache("L3Cache", inside, 0, 1, 2, 3)))
    assert (below.llc_mib, below.llc_of_core) == (1.0, (0, 1, 2, 3))
    halves = cache("L3Cache", core(0) + core(1), 0, 1, cache_size=8 << 20) + cache("L3Cache", core(2), 2, cache_size=4 << 20)
    uneven = read(xml(numa(0, 0, 1, 2) + halves))
    assert (uneven.llc_mib, uneven.llc_of_core) == (4.0, (0, 0, 1))
    assert dict(uneven.sources)["llc_mib"] == "the smallest of 4, 8 MiB"
    assert read(xml(numa(0, 0, 1, 2) + halves + core(3))).llc_of_core is None


@pytest.mark.parametrize("size", ["much", "-1", "9" * 16])
def test_a_cache_of_no_size_is_one_line(size: str) -> None:
    with pytest.raises(InputError, match=r"cache_size .* of an L3Cache; allowed: bytes"):
        read(xml(numa(0, 0) + cache("L3Cache", core(0), 0, cache_size=size)))


@pytest.mark.parametrize("kind", ["L1Cache", "L2iCache", "L3iCache"])
def test_first_level_and_instruction_caches_make_no_cluster(kind: str) -> None:
    body = numa(0, 0, 1, 2) + cache(kind, core(0) + core(1), 0, 1) + core(2)
    assert read(xml(body)).cluster_of_core is None


def test_a_cache_on_the_side_of_memory_makes_no_cluster_but_the_kernels_clusters_do() -> None:
    side = cache("L3Cache", core(0) + core(1), 0, 1, subtype="MemorySideCache")
    assert read(xml(numa(0, 0, 1, 2) + side + core(2))).cluster_of_core is None
    group = cache("Group", core(0) + core(1), 0, 1, subtype="Cluster")
    assert read(xml(numa(0, 0, 1, 2) + group + core(2))).cluster_of_core == (0, 0, 1)
    assert read(xml(numa(0, 0, 1, 2) + group.replace("Cluster", "x") + core(2))).cluster_of_core is None


def test_a_cache_of_two_nodes_is_cut_at_the_nodes() -> None:
    body = numa(0, 0, 1) + numa(1, 2, 3, 4) + cache("L3Cache", "".join(map(core, range(4))), 0, 1, 2, 3) + core(4)
    assert read(xml(body)).cluster_of_core == (0, 1, 2, 2, 3)


def test_what_was_not_allowed_is_left_out_and_counted() -> None:
    limits = f'allowed_cpuset="{cpus(0, 4, 2)}" complete_cpuset="{cpus(*range(10))}" allowed_nodeset="0x1"'
    machine = read(TWO_PACKAGES.replace('"Machine" ', f'"Machine" {limits} '))
    assert machine.node_of_cpu == (0, 1, 0)  # CPUs 0, 2, 4
    assert machine.core_of_cpu == (0, 1, 0)
    assert machine.memory_mib() == (64.0, 0.0)  # node 1 has a CPU to run on and no memory to use
    assert "without 7 CPUs that were offline or not allowed" in machine.source


def test_a_node_that_may_not_be_used_and_has_no_cpus_is_left_out_of_the_distances_too() -> None:
    body = package([[0]], numa(0, 0)) + numa(1, mib=512)
    text = xml(body, machine='allowed_nodeset="0x00000001"', after=matrix([0, 1], [10, 17, 17, 10]))
    assert (read(text).node_ids, read(text).distances) == ((0,), ((10,),))


def test_endless_sets_mean_everything() -> None:
    assert read(xml(numa(0, 0, 1).replace(cpus(0, 1), "0xf...f") + core(0) + core(1))).node_of_cpu == (0, 0)


def test_empty_words_of_a_set_are_nothing() -> None:
    body = tag("NUMANode", os_index=0, cpuset="0x00000001,,0x00000001", local_memory=1 << 20) + core(0) + core(64)
    assert read(xml(body)).node_of_cpu == (0, 0)


# Distances


def test_the_latencies_of_the_os_win_over_bandwidths_other_objects_and_a_users() -> None:
    other = matrix([0, 1], [99, 50, 50, 99], kind=10, name="Bandwidth")
    other += matrix([0, 1], [10, 77, 77, 10], kind=6, name="mine")
    other += matrix([0, 1, 2], [10] * 9, type="PU")
    other += '<distances2hetero nbobjs="2" kind="25"><indexes length="9">PU:1 PU:2</indexes></distances2hetero>\n'
    machine = read(TWO_PACKAGES.replace("</object>\n<distances2", f"</object>\n{other}<distances2"))
    assert machine.distances == ((10, 21), (21, 10))


def test_a_users_matrix_counts_if_it_reads_as_a_slit() -> None:
    body = package([[0]], numa(0, 0)) + package([[1]], numa(1, 1))
    assert read(xml(body, after=matrix([0, 1], [10, 17, 18, 10], kind=6))).distances == ((10, 17), (18, 10))
    machine = read(xml(body, after=matrix([0, 1], [85, 140, 140, 85], kind=6)))  # ns, not distances
    assert machine.distances == ((10, 20), (20, 10))
    assert "no SLIT" in dict(machine.sources)["distances"]


@pytest.mark.parametrize("kind", [5, 6])
def test_a_node_out_of_reach_is_as_far_as_a_node_can_be_and_said_so(kind: int) -> None:
    body = package([[0]], numa(0, 0)) + package([[1]], numa(1, 1))
    machine = read(xml(body, after=matrix([0, 1], [10, 255, 255, 10], kind=kind)))
    assert machine.distances == ((10, 254), (254, 10))
    assert dict(machine.sources)["distances"] == "255, unreachable, is taken as 254, the greatest there is"


def test_indexes_may_be_hwlocs_own_numbers() -> None:
    text = TWO_PACKAGES.replace('indexing="os"', 'indexing="gp"').replace(">0 1 <", ">101 100 <").replace("10 21 21", "10 31 21")
    assert read(text).distances == ((10, 21), (31, 10))  # the first row is from gp_index 101, node 1


def test_without_a_matrix_the_kernels_default_is_assumed_and_said_so() -> None:
    machine = read(xml(package([[0]], numa(0, 0)) + package([[1]], numa(1, 1))))
    assert machine.distances == ((10, 20), (20, 10))
    assert "assumed" in dict(machine.sources)["distances"]


def test_a_node_that_the_matrix_leaves_out_is_remote_and_said_so() -> None:
    body = package([[0]], numa(0, 0)) + package([[1]], numa(1, 1)) + numa(2)
    machine = read(xml(body, after=matrix([0, 1], [10, 12, 12, 10])))
    assert machine.distances == ((10, 12, 20), (12, 10, 20), (20, 20, 10))
    assert "node 2 not told" in dict(machine.sources)["distances"]


# Clock


@pytest.mark.parametrize(
    ("told", "ghz"),
    [
        ('<info name="CPUModel" value="Intel(R) Xeon(R) CPU E5-2680 0 @ 2.70GHz"/>', 2.7),
        ('<info name="CPUModel" value="AMD EPYC 9654 96-Core Processor"/>', 4.0),
        ('<info name="CPUModel" value="x @ 99GHz"/>', 4.0),
        ('<cpukind cpuset="0x1"><info name="FrequencyMaxMHz" value="2100"/></cpukind>', 2.1),
        ('<cpukind><info name="FrequencyMaxMHz" value="3900"/><info name="FrequencyBaseMHz" value="2500"/></cpukind>', 2.5),
    ],
)
def test_the_clock_is_the_nominal_one_where_it_is_told(told: str, ghz: float) -> None:
    machine = read(xml(package([[0]], numa(0, 0) + told)))
    assert machine.clock_ghz == ghz
    assert ("clock_ghz" in dict(machine.sources)) == (ghz != 4.0)


# What is refused


ENTITY = '<!DOCTYPE topology SYSTEM "hwloc2.dtd" [<!ENTITY a "ha">]>'
BOMB = "<!DOCTYPE topology [\n" + '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
REFUSED = {
    "a bomb of entities": (BOMB + "]><topology>&l11;</topology>", "line 2: declares an XML entity; allowed: none"),
    "one long entity": (
        f'<!DOCTYPE t [<!ENTITY a "{"x" * 100_000}">]><topology version="2.0">{"&a;" * 100_000}</topology>',
        "line 1: declares an XML entity",
    ),
    "a file from elsewhere": (
        '<!DOCTYPE topology [<!ENTITY x SYSTEM "file:///etc/passwd">]><topology version="2.0">&x;</topology>',
        "declares an XML entity",
    ),
    "a parameter entity": ('<!DOCTYPE t [<!ENTITY % x SYSTEM "http://x/y"> %x;]><topology/>', "declares an XML entity"),
    "types of its own": ("<!DOCTYPE t [<!ATTLIST object type CDATA #REQUIRED>]><topology/>", "declares XML types of its own"),
    "an unknown entity": ('<topology version="2.0">&nothing;</topology>', "not XML: undefined entity"),
    "deep nesting": (
        '<topology version="2.0">' + '<object type="Group">' * 100_000,
        f"line 1: nested deeper than {MAX_DEPTH} elements",
    ),
    "too many elements": ('<topology version="2.0">\n' + "<info/>\n" * (MAX_ELEMENTS + 1), f"more than {MAX_ELEMENTS} elements"),
    "too many caches": (
        xml(numa(0, 0) + core(0) + "".join(f'<object type="L2Cache" cpuset="{n:#x}"/>' for n in range(MAX_SHARED + 1))),
        f"more than {MAX_SHARED} different caches",
    ),
    "a page": ("<html><body>no such file</body></html>", "line 1: <'html'> is not hwloc's <topology>"),
    "another root": ('<root version="2.0"/>', "is not hwloc's <topology>"),
    "format 1": ("<topology><object/></topology>", "hwloc XML format '1'; allowed: 2.x or 3.x"),
    "format 4": ('<topology version="4.0"></topology>', "hwloc XML format '4.0'"),
    "nothing in it": ('<topology version="2.0"></topology>', "m.xml: has no PU object"),
    "no nodes": (xml(core(0)), "m.xml: has no NUMANode object"),
    "none allowed": (xml(numa(0, 0) + core(0), machine='allowed_cpuset="0x2"'), "allowed_cpuset has none of its CPUs"),
    "a CPU twice": (xml(numa(0, 0) + core(0) + core(0)), "PU 0 again; allowed: each os_index once"),
    "a node twice": (xml(numa(0, 0) + numa(0, 0) + core(0)), "NUMA node 0 again"),
    "a CPU without a number": (xml(numa(0, 0) + tag("PU", cpuset=cpus(0))), "a PU without os_index"),
    "a negative CPU": (xml(numa(0, 0) + tag("PU", os_index=-1)), "os_index '-1' of a PU"),
    "a huge CPU": (xml(numa(0, 0) + tag("PU", os_index=10**40)), "os_index '10000"),
    "a number in another script": (xml(numa(0, 0) + tag("PU", os_index="\u0663")), "os_index '\u0663' of a PU"),
    "a set of words": (xml(numa(0, 0).replace(cpus(0), "zero")), "cpuset 'zero' is not a set"),
    "an enormous set": (xml(numa(0, 0).replace(cpus(0), "," * 10_000)), "is not a set; allowed: hexadecimal words"),
    "a node without a set": (xml(tag("NUMANode", os_index=0) + core(0)), "an object without cpuset"),
    "too much memory": (xml(numa(0, 0, mib=1 << 41) + core(0)), "is not a memory size"),
    "a matrix for too many": (
        xml(numa(0, 0) + core(0), after=matrix([0], [10], nbobjs=10**9)),
        "nbobjs '1000000000' of a distances2; allowed: 0 to 256",
    ),
    "a matrix with too much in it": (
        xml(numa(0, 0) + core(0), after=matrix([0], [10] * 100_000, split=100_000)),
        "more than 1 numbers in u64values; allowed: 1 for 1 nodes",
    ),
    "a matrix with too little": (TWO_PACKAGES.replace("10 21 21 ", "10 21 "), "3 numbers in u64values of a matrix for 2 nodes"),
    "a matrix of other nodes": (TWO_PACKAGES.replace(">0 1 <", ">0 5 <"), "index 5 in the distances is no NUMA node"),
    "a matrix of one node twice": (TWO_PACKAGES.replace(">0 1 <", ">0 0 <"), "index 0 in the distances"),
    "a matrix of words": (TWO_PACKAGES.replace("21 21", "21 far"), "'far' in u64values"),
    "negative distances": (TWO_PACKAGES.replace("21 21", "21 -21"), "'-21' in u64values"),
    "distances below 10": (TWO_PACKAGES.replace("21 21", "21 5"), "5 from node 1 to node 0; allowed: 10 to 254"),
    "too many CPUs": (xml(numa(0, *range(1025)) + "".join(map(core, range(1025)))), "1025 CPUs; allowed: 1 to 1024"),
    "too many nodes": (xml(core(0) + "".join(numa(n, 0) for n in range(257))), "257 nodes; allowed: 1 to 256"),
    "a NUL": (TWO_PACKAGES.replace("Package", "\0", 1), "not XML"),
    "two roots": (TWO_PACKAGES + "<topology/>", "not XML: junk after document element"),
    "only a head": (HEAD, "not XML: no element found (cut off?)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_machine_is_one_line_and_soon(case: str) -> None:
    text, said = REFUSED[case]
    begun = time.process_time()
    with pytest.raises(InputError) as caught:
        read(text)
    line = str(caught.value)
    assert said in line
    assert line.startswith("m.xml")
    assert "\n" not in line
    assert len(line) < 500
    assert time.process_time() - begun < 5


def test_a_matrix_that_does_not_matter_may_be_of_anything() -> None:
    huge = '<distances2 type="OSDev" nbobjs="999999999" kind="9"><indexes length="1">x</indexes></distances2>\n'
    assert read(TWO_PACKAGES.replace("<distances2", f"{huge}<distances2", 1)).n_cpus == 8


def test_the_dtd_that_the_file_names_is_not_fetched() -> None:
    text = TWO_PACKAGES.replace("hwloc2.dtd", "http://127.0.0.1:9/hwloc2.dtd")
    assert read(text) == read(TWO_PACKAGES)
