"""Every text that a page names exists, in both languages, with the same blanks; none is left over."""

from __future__ import annotations

import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest

import web
from diembao.corrections import FIELDS
from diembao.fates import Fate
from diembao.source import Medium
from web.accounts.keys import SCOPES
from web.accounts.users import ROLES
from web.office_form import RECORDS, SECTIONS
from web.pages.compare import SIDES
from web.pages.export import MOST as EXPORTED
from web.rules.form import KINDS as KINDS_OF_RULE
from web.searching.addresses import CRITICAL_OF, FILTERS, KINDS, SENTIMENTS
from web.searching.comparison import Word
from web.searching.completion import FIELDS as FIELDS_OFFERED
from web.searching.completion import PAGE_KINDS
from web.searching.geography import COLOURED_BY
from web.sources.checks import CheckState
from web.sources.listing import STATES as SOURCE_STATES
from web.texts import LANGUAGES, Texts, read_texts

ROOM = Path(web.__file__).parent
ERRORS = (
    "missing", "refused", "invalid", "engine", "state", "defect",
    "form", "ended", "login", "role", "key", "scope", "rate", "open", "no_users", "new_password",
)  # fmt: skip
NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", read_texts())
def test_a_text_has_both_languages_with_the_same_blanks(key: str) -> None:
    entry = read_texts()[key]
    assert set(entry) == set(LANGUAGES)
    assert all(text.strip() for text in entry.values())
    assert blanks(entry["vi"]) == blanks(entry["en"])


def test_pages_name_exactly_the_texts_that_exist() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*ROOM.rglob("*.html"), *ROOM.rglob("*.py")])
    named = set(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)+)["']""", source)) & read_texts().keys()
    called = set(re.findall(r"""\bt\(["']([a-z_.]+)["'][,)]""", source)) | set(re.findall(r"""\btexts?\(["']([a-z_.]+)["'][,)]""", source))
    assert called <= read_texts().keys()
    composed = {f"field.{name}" for name in (*FILTERS, "q", "from", "to", "story", "sort", "copies", "group", "after")}
    composed |= {f"chart.title.{interval}" for interval in ("hour", "day", "week", "month")}
    composed |= {f"sort.{order}" for order in ("relevance", "time")} | {"alert.open", "alert.closed"}
    composed |= {f"corrected.{field}" for field in FIELDS}
    composed |= {f"answer.{choice}" for choice in ("taken", "useful", "noise", "mute", "mute_rule")}
    composed |= {"answer.said_useful", "answer.said_noise"}
    asked = [(kind, threshold) for kind, thresholds in KINDS_OF_RULE.items() for threshold in thresholds]
    composed |= {f"rule.kind.{kind}" for kind in KINDS_OF_RULE} | {f"rule.{kind}.{threshold.key}" for kind, threshold in asked}
    composed |= {f"rule.{threshold.key}.{choice}" for _, threshold in asked for choice in threshold.choices}
    composed |= {f"sentiment.{x}" for x in SENTIMENTS} | {f"critical_of.{x}" for x in CRITICAL_OF} | {f"kind.{x}" for x in KINDS}
    composed |= {f"error.{kind}.{part}" for kind in ERRORS for part in ("title", "hint")}
    composed |= (
        {f"role.{role}" for role in ROLES}
        | {f"scope.{scope}" for scope in SCOPES}
        | {f"admin.{page}" for page in ("users", "keys", "audit", "office", "departments", "people")}
    )
    blanks_of_office = {**SECTIONS, **RECORDS}.items()
    composed |= {f"office.{part}.{blank.key}" for part, blanks in blanks_of_office for blank in blanks}
    composed |= {f"office.{part}.{blank.key}.help" for part, blanks in blanks_of_office for blank in blanks if blank.has_help}
    composed |= {f"office.{section}" for section in SECTIONS} | {f"office.{name}.{x}" for name in RECORDS for x in ("intro", "none", "add")}
    composed |= {f"office.language.{x}" for x in LANGUAGES} | {f"office.day.{x}" for x in range(1, 8)}
    composed |= {"office.saved", "office.removed"}
    raised = re.findall(r'AccountError\(\s*"([a-z_]+)"', source)
    composed |= {f"wrong.{key}" for key in raised}
    composed |= {key for key in read_texts() if key.startswith(("audit.kind.", "audit.deed."))}  # a code without one is shown itself
    composed |= {f"map.by.{way}" for way in COLOURED_BY}
    composed |= {f"complete.{field}" for field in FIELDS_OFFERED} | {f"complete.page_kind.{kind}" for kind in PAGE_KINDS}
    composed |= {f"compare.{side}" for side in SIDES} | {f"compare.word.{word}" for word in get_args(Word)}
    composed |= {f"compare.time.{interval}" for interval in ("hour", "day", "week", "month")}
    composed |= {f"export.{form}{part}" for form in EXPORTED for part in ("", "_help")}
    composed |= {f"source.state.{x}" for x in SOURCE_STATES} | {f"source.kind.{x}" for x in (*get_args(Medium), *KINDS)}
    composed |= {f"source.check.{x}" for x in get_args(CheckState)} | {"source.verdict.ok", "source.verdict.red"}
    composed |= {f"fate.{fate}" for fate in [*Fate, "extracted"]}
    assert composed <= read_texts().keys()
    assert read_texts().keys() - named - composed == set()


def test_numbers_and_times_read_as_people_write_them() -> None:
    vi, en = Texts("vi", NOW), Texts("en", NOW)
    assert (vi.number(1234567), en.number(1234567)) == ("1.234.567", "1,234,567")
    assert (vi.percent(1, 3), vi.percent(1, 0), vi.percent(1, 500)) == ("33\u00a0%", "–", "0,2\u00a0%")
    assert vi.time(datetime(2026, 11, 19, 17, 5, tzinfo=UTC)) == "00:05 20/11/2026"
    assert vi.time(datetime(2026, 11, 19, 17, 5, tzinfo=UTC), "day") == "20/11/2026"


@pytest.mark.parametrize(
    ("gone", "text"),
    [
        (timedelta(seconds=5), "1 phút trước"), (timedelta(minutes=59, seconds=59), "59 phút trước"), (timedelta(hours=23), "23 giờ trước"),
        (timedelta(days=6, hours=23), "6 ngày trước"), (timedelta(days=7), ""), (timedelta(minutes=-1), ""),
    ],
)  # fmt: skip
def test_how_long_ago(gone: timedelta, text: str) -> None:
    assert Texts("vi", NOW).ago(NOW - gone) == text
