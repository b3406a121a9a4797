# SPDX-License-Identifier: GPL-2.0-only
"""What slabdes cannot be without goes with its licence, GPL-2.0-only; and the judge of that can say no."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from licences import closure, goes_with_gpl2, message, verdict


def test_every_package_that_slabdes_requires_has_a_licence_that_goes_with_gpl2() -> None:
    bad = {name: wrong for name, metadata in closure("slabdes") if (wrong := verdict(metadata)) is not None}
    assert not bad


def test_the_closure_is_that_of_the_heavy_libraries_too() -> None:
    names = {name for name, _metadata in closure("slabdes")}
    assert {"slabdes", "numba", "llvmlite", "numpy", "scipy", "matplotlib", "pillow", "pydantic-core", "simpy"} <= names
    assert not {"pytest", "mypy", "jupyterlab", "distributed", "dask", "tornado"} & names


@pytest.mark.parametrize(
    ("expression", "good"),
    [
        ("MIT", True),
        ("GPL-2.0-only", True),
        ("Apache-2.0", False),
        ("GPL-3.0-or-later", False),
        ("Apache-2.0 OR BSD-2-Clause", True),
        ("Apache-2.0 AND BSD-2-Clause", False),
        ("BSD-2-Clause AND Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0 WITH Some-exception", False),
        ("MIT AND (Apache-2.0 OR ISC)", True),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", False),
        ("MIT OR Apache-2.0 AND GPL-3.0-only", True),
        ("LicenseRef-Proprietary", False),
    ],
)
def test_an_expression_is_good_if_one_way_through_it_is(expression: str, good: bool) -> None:
    assert goes_with_gpl2(expression) is good


@pytest.mark.parametrize("text", ["", "MIT OR", "(MIT", "MIT)", "MIT License", "WITH MIT", "MIT AND AND ISC"])
def test_what_is_no_expression_is_told(text: str) -> None:
    with pytest.raises(ValueError):
        goes_with_gpl2(text)


APACHE = ("Classifier", "License :: OSI Approved :: Apache Software License")
BSD = ("Classifier", "License :: OSI Approved :: BSD License")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ([("License-Expression", "MIT"), ("License", "Apache-2.0")], None),
        ([("License-Expression", "Apache-2.0"), BSD], "Apache-2.0"),
        ([("License", "Apache-2.0")], "Apache-2.0"),
        ([("License", "BSD")], None),
        ([("License", "Copyright somebody\nPermission is granted"), BSD], None),
        ([("License", "MIT"), APACHE], "Apache Software License"),
        ([APACHE, BSD], "Apache Software License; BSD License"),
        ([("License", "Dual License"), BSD, APACHE], None),
        ([("Classifier", "License :: Other/Proprietary License")], "Other/Proprietary License"),
        ([("License", "do as you like")], "do as you like"),
        ([], "no licence is told"),
    ],
)
def test_a_packages_licence_is_read_from_whichever_field_has_it(fields: list[tuple[str, str]], wrong: str | None) -> None:
    assert verdict(message(*fields)) == wrong


def test_a_bad_licence_is_found_however_deep_it_lies_and_an_extra_is_no_requirement() -> None:
    packages = {
        "top": (message(("License", "MIT")), ["middle>=1", 'extra-thing; extra == "more"']),
        "middle": (message(("License", "MIT")), ["Deep_Below", "top"]),
        "deep-below": (message(("License", "Apache-2.0")), []),
    }
    assert {name: verdict(metadata) for name, metadata in closure("top", packages.__getitem__)} == {
        "top": None,
        "middle": None,
        "deep-below": "Apache-2.0",
    }
