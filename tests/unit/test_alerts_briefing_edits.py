"""What staff make of a briefing is what goes out; nothing that somebody has not seen is written over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select

from alerts.briefing import kept
from alerts.briefing.kept import Answer, ConflictError, Content, Draft, Item
from alerts.briefing.sending import queue_briefing
from diembao.audit import Wanted, entries
from diembao.engine import SearchEngine
from diembao.errors import ConfigError, StateError, UsageError
from diembao.settings import PROJECT, Mail, Office
from diembao.state import OutboxMessage, State, StoryResponse
from diembao.taxonomy import read_taxonomy
from index.abbreviations import read_abbreviations
from index.sqlite_engine import SqliteEngine
from tests.mail.landscape import NOW, article, polluted_river, quiet_weeks

TAXONOMY = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
OFFICE = Office(name="Văn phòng", province="Đồng Tháp", mail=Mail(recipients=("a@example.vn",)))


class Desk:
    """A day's briefing, and people who edit it."""

    def __init__(self, folder: Path) -> None:
        self.engine: SearchEngine = SqliteEngine(
            folder / "index.sqlite", read_abbreviations(PROJECT / "config" / "abbreviations_search.toml")
        )
        self.engine.prepare()
        self.engine.upsert(quiet_weeks(days=1))
        self.engine.upsert(polluted_river(6))
        self.engine.upsert([article(50000, "trade", "neutral", NOW - timedelta(hours=4), "doc-bao", "Chợ nổi đông khách")])
        self.url = f"sqlite:///{folder / 'state.sqlite'}"
        self.state = State(self.url)
        self.now = NOW

    def compile(self) -> Draft:
        return kept.bring_up_to_date(self.state, self.engine, OFFICE, TAXONOMY, self.now)

    @property
    def draft(self) -> Draft:
        found = kept.read(self.state, NOW.date(), OFFICE, TAXONOMY)
        assert found is not None
        return found

    @property
    def river(self) -> Item:
        return next(item for item in self.draft.items if item.story.story == "river")

    def save(self, seen: Item, content: Content | None = None, answer: Answer | None = None, by: str = "Lan") -> Item:
        """Somebody who saw the item as `seen` sends their form."""
        return kept.save_item(
            self.state, NOW.date(), seen.key, (content or seen.content, seen.content.digest, seen.version),
            (answer or seen.answer, seen.answer.digest, seen.answer_version), by, self.now, OFFICE, TAXONOMY,
        )  # fmt: skip

    def mail(self) -> str:
        with self.state.session() as session:
            (row,) = session.scalars(select(OutboxMessage))
            message = message_from_bytes(row.message, policy=policy.default)
        return str(message.get_body(("plain",)).get_content())  # type: ignore[attr-defined]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    made.compile()
    yield made
    made.engine.close()
    made.state.close()


def test_what_was_edited_is_what_is_sent(desk: Desk) -> None:
    seen = desk.river
    desk.save(seen, replace(seen.content, title="Cá chết ở sông Ba Rài", text="Nước thải; đang xác minh."))
    left_out = next(item for item in desk.draft.chosen if item.story.story != "river")
    desk.save(left_out, replace(left_out.content, included=False))
    kept.save_note(desk.state, NOW.date(), 1, "Họp lúc 8 giờ.\r\nPhòng 2\x07.", "Lan", desk.now)
    queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), desk.now)
    text = desk.mail()
    assert "- Cá chết ở sông Ba Rài\n" in text.replace("\r\n", "\n")
    assert "Nước thải; đang xác minh." in text
    assert seen.content.title not in text
    assert left_out.content.title not in text
    assert "Họp lúc 8 giờ.\nPhòng 2 ." in text.replace("\r\n", "\n")


def test_compiling_again_overwrites_no_edit_and_chooses_nothing_by_itself(desk: Desk) -> None:
    seen = desk.river
    desk.save(seen, replace(seen.content, title="Của chúng tôi"))
    before = desk.draft
    late = article(95000, "environment", "negative", NOW + timedelta(minutes=5), "doc-bao", "Cháy lớn ở khu công nghiệp")
    more = article(95001, "environment", "negative", NOW + timedelta(minutes=6), "bao-khac", "Thêm về sông", story="river")
    desk.engine.upsert([late, more])
    desk.now += timedelta(minutes=30)
    after = desk.compile()
    assert [item.content for item in after.chosen] == [item.content for item in before.chosen]
    assert desk.river.story == seen.story, "what staff saw stays as it is"
    assert [item.content.title for item in after.left_behind] == ["Cháy lớn ở khu công nghiệp"]
    queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), desk.now)
    assert "1 sự việc đến sau khi đã biên tập, chưa đưa vào: Cháy lớn ở khu công nghiệp." in " ".join(desk.mail().split())


def test_without_edits_the_newest_coverage_is_sent(desk: Desk) -> None:
    late = article(95000, "environment", "negative", NOW + timedelta(minutes=5), "doc-bao", "Cháy lớn ở khu công nghiệp")
    desk.engine.upsert([late])
    desk.now += timedelta(minutes=30)
    assert "Cháy lớn ở khu công nghiệp" in [item.content.title for item in desk.compile().chosen]
    desk.engine.delete([late.id])
    assert "Cháy lớn ở khu công nghiệp" not in [item.content.title for item in desk.compile().items]


def test_two_people_and_the_same_item(desk: Desk) -> None:
    lan = minh = desk.river
    desk.save(lan, replace(lan.content, title="Của Lan"), by="Lan")
    with pytest.raises(ConflictError) as caught:
        desk.save(minh, replace(minh.content, title="Của Minh"), by="Minh")
    assert caught.value.by == "Lan"
    assert desk.river.content.title == "Của Lan"
    desk.save(desk.river, replace(desk.river.content, title="Của Minh"), by="Minh")
    assert desk.river.content.title == "Của Minh"


def test_what_was_not_touched_is_no_conflict(desk: Desk) -> None:
    lan = minh = desk.river
    desk.save(lan, replace(lan.content, title="Của Lan"))
    desk.save(minh, answer=Answer("assigned", "Sở Nông nghiệp", "", "gọi lúc 7 giờ"))
    assert (desk.river.content.title, desk.river.answer.status) == ("Của Lan", "assigned")
    with pytest.raises(ConflictError):
        desk.save(lan, answer=Answer("not_needed"))
    desk.save(minh, replace(minh.content, title="Của Lan"))  # both wrote the same
    assert desk.river.version == 2


def test_two_at_the_same_moment_one_wins_and_the_other_is_told(desk: Desk) -> None:
    seen = desk.river
    outcomes: list[str] = []
    gate = threading.Barrier(6)

    def edit(number: int) -> None:
        own = Desk.__new__(Desk)
        own.state, own.now = State(desk.url), NOW
        gate.wait()
        try:
            Desk.save(own, seen, replace(seen.content, title=f"Người {number}"))
            outcomes.append(f"Người {number}")
        except ConflictError:
            outcomes.append("")
        finally:
            own.state.close()

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    (winner,) = [name for name in outcomes if name]
    assert (desk.river.content.title, desk.river.version) == (winner, seen.version + 1)


def test_the_note_has_a_version_too(desk: Desk) -> None:
    kept.save_note(desk.state, NOW.date(), 1, "Một", "Lan", NOW)
    kept.save_note(desk.state, NOW.date(), 1, "Một", "Minh", NOW)  # the same: nothing to tell
    with pytest.raises(ConflictError):
        kept.save_note(desk.state, NOW.date(), 1, "Hai", "Minh", NOW)
    assert desk.draft.note == "Một"


def test_an_item_is_moved_among_the_chosen_ones_of_its_section(desk: Desk) -> None:
    more = [article(60000 + n, "environment", "negative", NOW - timedelta(hours=3), "doc-bao", f"Việc {n}") for n in range(3)]
    desk.engine.upsert(more)
    desk.compile()

    def order() -> list[str]:
        return [item.key for item in desk.draft.chosen if item.story.section == "environment"]

    first = order()
    assert len(first) == 4
    for step, expected in ((1, [1, 0, 2, 3]), (1, [1, 2, 0, 3]), (1, [1, 2, 3, 0]), (1, [1, 2, 3, 0]), (-1, [1, 2, 0, 3])):
        item = desk.draft.item(first[0])
        assert item is not None
        kept.move(desk.state, NOW.date(), item.key, item.version, step, "Lan", NOW, OFFICE, TAXONOMY)
        assert [first.index(key) for key in order()] == expected
    with pytest.raises(ConflictError):
        kept.move(desk.state, NOW.date(), first[0], 1, -1, "Lan", NOW, OFFICE, TAXONOMY)


def test_after_it_went_out_only_responses_change(desk: Desk) -> None:
    seen = desk.river
    queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), NOW)
    with pytest.raises(UsageError, match="it was sent"):
        desk.save(seen, replace(seen.content, title="Zu spät"))
    with pytest.raises(UsageError, match="it was sent"):
        kept.save_note(desk.state, NOW.date(), 1, "Zu spät", "Lan", NOW)
    desk.now += timedelta(hours=3)
    desk.save(seen, answer=Answer("answered", "Sở X", "https://tinh.vn/tra-loi", "đã đăng"))
    with desk.state.session() as session:
        row = session.get_one(StoryResponse, "river")
        assert (row.answered_at, row.briefed_at) == (NOW + timedelta(hours=3), NOW)
    desk.engine.upsert([article(95000, "environment", "negative", NOW, "doc-bao", "Mới")])
    assert desk.compile().items == desk.draft.items, "what went out stays as it went out"
    desk.save(desk.river, answer=Answer("assigned", "Sở X"))
    with desk.state.session() as session:
        assert session.get_one(StoryResponse, "river").answered_at is None


@pytest.mark.parametrize("link", ["javascript:alert(1)", "tinh.vn", "https://x y"])
def test_a_link_that_is_none_is_refused(desk: Desk, link: str) -> None:
    with pytest.raises(UsageError, match="https://"):
        desk.save(desk.river, answer=Answer("answered", "", link))


def test_an_empty_headline_is_refused_and_control_characters_go(desk: Desk) -> None:
    with pytest.raises(UsageError, match="headline"):
        desk.save(desk.river, replace(desk.river.content, title=" \x00 "))
    desk.save(desk.river, replace(desk.river.content, title="a\r\nBcc: x@y.z\x07", text="b\nc"))
    assert (desk.river.content.title, desk.river.content.text) == ("a Bcc: x@y.z", "b c")


def test_a_template_that_fails_leaves_the_briefing_open(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "briefing.docx"
    broken.write_bytes(b"no document")
    with pytest.raises(ConfigError):
        queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), NOW, broken)
    assert desk.draft.sent_at is None
    assert queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), NOW) == 1


def test_who_has_an_older_text_open_does_not_take_it_for_their_own(desk: Desk) -> None:
    seen = desk.river
    earlier = article(89000, "environment", "negative", NOW - timedelta(hours=7), "bao-som", "Báo sớm nhất nói khác", story="river")
    desk.engine.upsert([earlier])
    desk.compile()
    assert desk.river.content.title == "Báo sớm nhất nói khác"
    with pytest.raises(ConflictError):
        desk.save(seen, replace(seen.content, text="Viết ngắn"))


def test_a_lost_database_is_one_line(desk: Desk) -> None:
    with desk.state.session() as session:
        session.connection().exec_driver_sql("DROP TABLE briefing_items")
    with pytest.raises(StateError, match="briefing_items"):
        kept.read(desk.state, NOW.date(), OFFICE, TAXONOMY)


def test_every_change_stands_in_the_audit_log(desk: Desk) -> None:
    seen = desk.river
    desk.save(seen, replace(seen.content, title="Của Lan", included=False), Answer("assigned", "Sở X"))
    kept.save_note(desk.state, NOW.date(), 1, "Lời đầu", "Minh", desk.now)
    queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), desk.now, by="Minh")
    queue_briefing(desk.state, OFFICE, TAXONOMY, NOW.date(), desk.now)
    rows = {row.action: row for row in entries(desk.state, Wanted(action="briefing"), 100)}
    assert sorted(rows) == ["briefing.answer", "briefing.item", "briefing.note", "briefing.send"]
    item, answer = rows["briefing.item"], rows["briefing.answer"]
    assert (item.who, item.before, item.after) == (
        "Lan",
        {"included": True, "title": seen.content.title},
        {"included": False, "title": "Của Lan"},
    )
    assert (answer.before, answer.after) == ({"status": "new", "department": ""}, {"status": "assigned", "department": "Sở X"})
    assert (rows["briefing.note"].who, rows["briefing.send"].who) == ("Minh", "Minh")
