# SPDX-License-Identifier: GPL-2.0-only
"""An experiment that was resolved, written as a file, is the same experiment when it is read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slabdes.config import load_experiment
from slabdes.config.written import toml_text, without_defaults

ROOT = Path(__file__).parents[2]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("name", ["list_lock_scaling", "mix_tunables", "open_arrivals", "interrupts_off", "patch_review"])
def test_an_experiment_comes_back_as_it_was(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(ROOT / "experiments" / f"{name}.toml")
    written = tmp_path / "experiment.toml"
    written.write_text(toml_text(experiment.model_dump(mode="json")), encoding="utf-8")
    assert load_experiment(written) == experiment


@pytest.mark.parametrize("name", sorted(file.stem for file in (ROOT / "experiments").glob("*.toml")))
def test_without_its_defaults_an_experiment_is_the_same_and_shorter(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(ROOT / "experiments" / f"{name}.toml")
    whole = experiment.model_dump(mode="json")
    short = toml_text(without_defaults(whole, name))
    written = tmp_path / "experiment.toml"
    written.write_text(short, encoding="utf-8")
    assert load_experiment(written) == experiment
    assert len(short) < len(toml_text(whole)) / 1.3
    assert "seed" not in tomllib.loads(short)


def test_what_this_version_does_not_know_is_kept_as_it_is() -> None:
    raw = {"name": "later", "something": {"of": "another version"}}
    assert without_defaults(raw, "later.toml") is raw


@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_any_plain_table_comes_back_as_it_was(table: dict[str, object]) -> None:
    assert tomllib.loads(toml_text(table)) == table
