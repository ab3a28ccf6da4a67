"""Rules written by the page: whole or not at all, over nobody's work, and back again."""

from __future__ import annotations

import os
import threading
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.rules_editing import (
    change_rule,
    create_rule,
    every_rule,
    find_rule,
    name_for,
    remove_rule,
    removed_rules,
    restore_rule,
)
from alerts.rules_file import read_rules
from diembao.config_file import ConfigConflictError
from diembao.errors import ConfigError, UsageError

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
TABLE: dict[str, Any] = {
    "kind": "new_match",
    "name": "ca-chet",
    "label": 'Cá "chết"',
    "query": 'sông AND "cá chết" \\ # không',
    "people": ["a@b.vn"],
}
BY_HAND = """# Sông Ba Rài / The river
kind = "new_match"      # at once
query = "sông # kênh"   # the office's own words
each = "story"

most_per_day = 20       # more are told together
"""


def test_a_new_rule_is_read_as_it_was_meant_and_says_who_made_it(tmp_path: Path) -> None:
    kept = create_rule(tmp_path / "alerts", TABLE, "Lập bởi\nkind = 'x'")
    assert kept.rule is not None
    [read] = read_rules(tmp_path / "alerts")
    assert read.model_dump(exclude_unset=True) == {**TABLE, "people": ("a@b.vn",)}
    text = (tmp_path / "alerts" / "ca-chet.toml").read_text(encoding="utf-8")
    assert text.startswith("# Lập bởi kind = 'x'\n")
    assert sorted(path.name for path in (tmp_path / "alerts").iterdir()) == [".rules.lock", "ca-chet.toml"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "ca-chet.toml").write_text("broken", encoding="utf-8")
    with pytest.raises(ConfigConflictError):
        create_rule(tmp_path, TABLE)
    assert (tmp_path / "ca-chet.toml").read_text(encoding="utf-8") == "broken"
    (tmp_path / "ca-chet.toml").rename(tmp_path / "other.toml")
    (tmp_path / "other.toml").write_text('kind = "silent_source"\nname = "ca-chet"', encoding="utf-8")
    with pytest.raises(ConfigConflictError):
        create_rule(tmp_path, TABLE)  # two rules of one name would stop every evaluation


def test_what_is_no_rule_is_not_written(tmp_path: Path) -> None:
    for wrong in ({"kind": "nonsense"}, {"query": ""}, {"most_per_day": 0}, {"strange": 1}, {"name": "../up"}):
        with pytest.raises((ConfigError, ConfigConflictError)):
            create_rule(tmp_path, {**TABLE, **wrong})
    assert list(tmp_path.rglob("*.toml")) == []
    assert [path.name for path in tmp_path.iterdir()] == [".rules.lock"]


def test_a_change_keeps_comments_order_and_the_keys_of_others(tmp_path: Path) -> None:
    (tmp_path / "river.toml").write_text(BY_HAND, encoding="utf-8")
    before = find_rule(tmp_path, "river")
    after = change_rule(tmp_path, "river", before.version, {"enabled": False, "query": "kênh", "each": None})
    assert (tmp_path / "river.toml").read_text(encoding="utf-8") == (
        '# Sông Ba Rài / The river\nkind = "new_match"      # at once\nquery = "kênh"   # the office\'s own words\n\n'
        "most_per_day = 20       # more are told together\nenabled = false\n"
    )
    assert after.version != before.version
    assert read_rules(tmp_path) == []


def test_a_file_that_is_not_plain_is_written_anew_and_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "river.toml").write_text(
        'kind = "new_match"\nquery = """\nsông\nOR kênh"""\ntopics = [\n  "health",\n]\n', encoding="utf-8"
    )
    change_rule(tmp_path, "river", find_rule(tmp_path, "river").version, {"topics": ["urban"], "enabled": False})
    assert tomllib.loads((tmp_path / "river.toml").read_text(encoding="utf-8")) == {
        "kind": "new_match", "query": "sông\nOR kênh", "topics": ["urban"], "enabled": False,
    }  # fmt: skip


def test_a_change_that_makes_no_rule_leaves_the_file(tmp_path: Path) -> None:
    (tmp_path / "river.toml").write_text(BY_HAND, encoding="utf-8")
    version = find_rule(tmp_path, "river").version
    with pytest.raises(ConfigError, match="most_per_day"):
        change_rule(tmp_path, "river", version, {"most_per_day": 0})
    assert (tmp_path / "river.toml").read_text(encoding="utf-8") == BY_HAND


def test_what_somebody_else_changed_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "river.toml").write_text(BY_HAND, encoding="utf-8")
    version = find_rule(tmp_path, "river").version
    (tmp_path / "river.toml").write_text(BY_HAND + "negative = true\n", encoding="utf-8")
    for change in (
        lambda: change_rule(tmp_path, "river", version, {"enabled": False}),
        lambda: remove_rule(tmp_path, "river", version, NOW),
    ):
        with pytest.raises(ConfigConflictError, match="somebody else"):
            change()
    with pytest.raises(UsageError):
        change_rule(tmp_path, "gone", version, {"enabled": False})
    assert (tmp_path / "river.toml").read_text(encoding="utf-8") == BY_HAND + "negative = true\n"


def test_what_was_removed_comes_back_as_it_was_unless_its_name_is_taken(tmp_path: Path) -> None:
    (tmp_path / "river.toml").write_text(BY_HAND, encoding="utf-8")
    removed = remove_rule(tmp_path, "river", find_rule(tmp_path, "river").version, NOW)
    assert read_rules(tmp_path) == []
    assert removed_rules(tmp_path) == [removed]
    (tmp_path / "river.toml").write_text("taken", encoding="utf-8")
    with pytest.raises(ConfigConflictError):
        restore_rule(tmp_path, removed.key)
    assert (tmp_path / "river.toml").read_text(encoding="utf-8") == "taken"
    (tmp_path / "river.toml").unlink()
    assert restore_rule(tmp_path, removed.key).file == "river"
    assert (tmp_path / "river.toml").read_text(encoding="utf-8") == BY_HAND
    assert removed_rules(tmp_path) == []
    for strange in (removed.key, "../../etc/passwd", ""):
        with pytest.raises(UsageError):
            restore_rule(tmp_path, strange)


def test_a_broken_rule_is_listed_with_its_line_and_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text('kind = "new_match"\nfoo = 1', encoding="utf-8")
    (tmp_path / "fine.toml").write_text(BY_HAND, encoding="utf-8")
    broken, fine = every_rule(tmp_path)
    assert broken.rule is None
    assert "foo" in broken.problem
    assert fine.problem == ""
    with pytest.raises(ConfigError):
        change_rule(tmp_path, "broken", broken.version, {"enabled": False})
    remove_rule(tmp_path, "broken", broken.version, NOW + timedelta(seconds=1))
    assert [kept.file for kept in every_rule(tmp_path)] == ["fine"]


@pytest.mark.parametrize(
    ("label", "name"),
    [("Đê điều, Tết 2027!", "de-dieu-tet-2027"), ("../../etc/passwd", "etc-passwd"), ("   ", "rule"), ("天", "rule"), ("x" * 300, "x" * 50),
     ("con\x00\r\nprn", "con-prn")],
)  # fmt: skip
def test_a_name_is_letters_digits_and_dashes(label: str, name: str) -> None:
    assert name_for(label, []) == name
    assert name_for(label, [name, f"{name}-2"]) == f"{name}-3"


def test_of_many_at_once_each_name_is_given_once(tmp_path: Path) -> None:
    outcomes: list[str] = []

    def make() -> None:
        try:
            create_rule(tmp_path, TABLE)
            outcomes.append("made")
        except ConfigConflictError:
            outcomes.append("conflict")

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 7 + ["made"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        create_rule(tmp_path, TABLE)


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "alerts").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="alerts"):
        create_rule(tmp_path / "alerts", TABLE)
