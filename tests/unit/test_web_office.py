"""The pages on which admins set the office: office.toml stays the one place, comments stay, nobody writes over somebody else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diembao.config_file import ConfigConflictError, with_values
from diembao.settings import PROJECT, Office, read_office
from tests.mail.test_alerts_outbox import Catcher, serving
from tests.unit.accounts_desk import Office as Desk
from tests.unit.accounts_desk import office_with_users
from web.office_form import RECORDS, SECTIONS, FormError, keep_record, keep_section, read_written
from web.texts import read_texts

SHIPPED = (PROJECT / "config" / "office.toml").read_text(encoding="utf-8")
HOSTILE = '"><script>window.hacked=1</script>'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with office_with_users(tmp_path) as office:
        office.file.write_text(SHIPPED, encoding="utf-8")
        yield office


def version_on(page: str) -> str:
    field = BeautifulSoup(page, "lxml").select_one("input[name=version]")
    assert field is not None
    return str(field["value"])


def send(desk: Desk, path: str, of: str, role: str = "admin", **fields: Any) -> Any:
    visitor = desk.of(role)
    return visitor.post(path, {"version": version_on(visitor.get(of).text), **fields}, of=of)


def comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("#")]


class TestSections:
    def test_a_value_is_kept_and_used_at_once_and_comments_stay(self, desk: Desk) -> None:
        answer = send(desk, "/admin/office/about", "/admin/office", name="UBND tỉnh Lào Cai", province="Lào Cai", language="en")
        assert answer.status_code == 303, answer.text
        assert "UBND tỉnh Lào Cai" in desk.of("reader").get("/").text
        office = read_office(desk.file)
        assert (office.name, office.province, office.language) == ("UBND tỉnh Lào Cai", "Lào Cai", "en")
        kept = desk.file.read_text(encoding="utf-8")
        assert comments(kept) == comments(SHIPPED)
        assert "# of pages and mails" in kept
        entry = desk.log("office.change")[-1]
        assert (entry.who, entry.subject, entry.before["province"], entry.after["province"]) == ("admin", "about", "Đồng Tháp", "Lào Cai")

    def test_lists_numbers_and_weekdays(self, desk: Desk) -> None:
        of = "/admin/office"
        assert send(desk, f"{of}/mail", of, sender="a@b.vn", recipients="x@y.vn, z@y.vn\r\n u@y.vn", operators="").status_code == 303
        assert send(desk, f"{of}/briefing", of, draft_at="04:00", at="07:15", days=["1", "5"], most_per_field="7").status_code == 303
        assert send(desk, f"{of}/crawl", of, contact="", poll_minutes="10, 30").status_code == 303
        office = read_office(desk.file)
        assert office.mail.recipients == ("x@y.vn", "z@y.vn", "u@y.vn")
        assert (office.mail.host, office.mail.port) == ("127.0.0.1", 25), "the server stays as it was"
        assert (office.briefing.at, office.briefing.days, office.briefing.most_per_field) == ("07:15", (1, 5), 7)
        assert office.crawl.poll_minutes == (10, 30)
        assert send(desk, f"{of}/crawl", of, contact="", poll_minutes="").status_code == 303
        assert read_office(desk.file).crawl.poll_minutes is None

    @pytest.mark.parametrize(
        ("section", "fields", "blank"),
        [
            ("briefing", {"draft_at": "25:00", "at": "06:30", "days": ["1"]}, "draft_at"),
            ("briefing", {"draft_at": "05:00", "at": "06:30", "days": ["1"], "most_per_field": "viele"}, "most_per_field"),
            ("briefing", {"draft_at": "05:00", "at": "06:30", "days": ["1"], "most_per_field": "0"}, "most_per_field"),
            ("mail", {"sender": "a@b.vn", "recipients": "kein Postfach"}, "recipients"),
            ("mail", {"sender": "a@b.vn\r\nBcc: x@y.vn"}, "sender"),
            ("crawl", {"poll_minutes": "30, 10"}, "poll_minutes"),
            ("about", {"name": "x" * 301}, "name"),
        ],
    )
    def test_what_cannot_be_is_told_at_its_blank_and_changes_nothing(
        self, desk: Desk, section: str, fields: dict[str, Any], blank: str
    ) -> None:
        answer = send(desk, f"/admin/office/{section}", "/admin/office", **fields)
        assert answer.status_code == 422
        problem = BeautifulSoup(answer.text, "lxml").select_one(".problem")
        assert problem is not None
        assert problem.get_text().startswith(read_texts()[f"office.{section}.{blank}"]["vi"])
        assert desk.file.read_text(encoding="utf-8") == SHIPPED
        assert desk.log("office") == []

    def test_markup_stays_text(self, desk: Desk) -> None:
        assert send(desk, "/admin/office/about", "/admin/office", name=HOSTILE, province="", language="vi").status_code == 303
        for path in ("/admin/office", "/", "/admin/audit"):
            assert "<script>window" not in desk.of("admin").get(path).text

    def test_two_admins_at_once(self, desk: Desk) -> None:
        one, two = desk.of("admin"), desk.of("admin")
        seen = version_on(two.get("/admin/office").text)
        assert one.post("/admin/office/about", {"version": seen, "name": "Một"}, of="/admin/office").status_code == 303
        late = two.post("/admin/office/about", {"version": seen, "name": "Hai"}, of="/admin/office")
        assert late.status_code == 409
        assert "Hai" in late.text, "what was written is not lost"
        assert read_office(desk.file).name == "Một"

    @pytest.mark.parametrize("role", ["reader", "editor"])
    def test_only_admins(self, desk: Desk, role: str) -> None:
        for path in ("/admin/office", "/admin/departments", "/admin/people"):
            assert desk.of(role).get(path).status_code == 403
        assert desk.of(role).client.post("/admin/office/about", data={"name": "x"}).status_code == 403

    def test_no_form_changes_what_belongs_to_the_machine(self) -> None:
        keys = {(section, blank.key) for section, blanks in SECTIONS.items() for blank in blanks}
        assert not keys & {("mail", "host"), ("mail", "port"), ("mail", "password_env"), ("mail", "username"), ("mail", "security")}
        assert not keys & {("about", "base_url"), ("crawl", "allow_private_addresses")}

    def test_every_blank_is_a_value_of_the_office(self) -> None:
        for section, blanks in SECTIONS.items():
            table = Office() if section == "about" else getattr(Office(), section)
            assert {blank.key for blank in blanks} <= set(type(table).model_fields)

    def test_a_file_that_breaks_by_hand_leaves_the_desk_running(self, desk: Desk) -> None:
        assert desk.of("reader").get("/").status_code == 200
        desk.file.write_text("name = [", encoding="utf-8")
        assert desk.of("reader").get("/").status_code == 200
        answer = send(desk, "/admin/office/about", "/admin/office", name="x")
        assert answer.status_code in (422, 503)
        assert desk.file.read_text(encoding="utf-8") == "name = ["


class TestRecords:
    def test_a_department_is_added_changed_and_taken_away(self, desk: Desk) -> None:
        of = "/admin/departments"
        assert send(desk, of, of, name="Sở Y tế", fields=["culture"], topics=["health"], places="Mỹ Tho\nCao Lãnh").status_code == 303
        assert send(desk, of, of, name="Công an tỉnh", fields=["security"]).status_code == 303
        first, second = read_office(desk.file).departments
        assert (first.name, first.topics, first.places, second.fields) == ("Sở Y tế", ("health",), ("Mỹ Tho", "Cao Lãnh"), ("security",))
        assert send(desk, f"{of}/0", of, name="Sở Y tế tỉnh", topics=["health"]).status_code == 303
        assert read_office(desk.file).departments[0].places == ()
        assert send(desk, f"{of}/0", of, do="remove").status_code == 303
        assert [one.name for one in read_office(desk.file).departments] == ["Công an tỉnh"]
        assert [entry.action for entry in desk.log("office")] == ["office.add", "office.add", "office.change", "office.remove"]
        assert set(comments(SHIPPED)) == set(comments(desk.file.read_text(encoding="utf-8")))

    def test_a_person_with_wishes(self, desk: Desk) -> None:
        of = "/admin/people"
        sent = {"address": "truc@tinh.vn", "quiet": "22:00-06:00", "most_per_hour": "3", "language": "en", "briefing": "1"}
        assert send(desk, of, of, **sent).status_code == 303
        person = read_office(desk.file).people[0]
        assert (person.quiet, person.most_per_hour, person.language, person.briefing, person.reports) == (
            "22:00-06:00",
            3,
            "en",
            True,
            False,
        )
        assert "truc@tinh.vn" in desk.of("admin").get(of).text

    @pytest.mark.parametrize("sent", [{"address": ""}, {"address": "không phải thư"}, {"address": "a@b.vn", "quiet": "đêm"}])
    def test_a_person_who_cannot_be(self, desk: Desk, sent: dict[str, str]) -> None:
        answer = send(desk, "/admin/people", "/admin/people", **sent)
        assert answer.status_code == 422
        assert desk.file.read_text(encoding="utf-8") == SHIPPED

    def test_the_same_person_twice(self, desk: Desk) -> None:
        for status in (303, 422):
            assert send(desk, "/admin/people", "/admin/people", address="a@b.vn").status_code == status

    @pytest.mark.parametrize("number", ["7", "-1", "x"])
    def test_a_record_that_there_is_not(self, desk: Desk, number: str) -> None:
        assert send(desk, f"/admin/departments/{number}", "/admin/departments", name="x").status_code == 422


def test_a_test_mail_arrives_and_a_missing_server_is_told(desk: Desk) -> None:
    box = Catcher()
    with serving(box) as mail:
        desk.file.write_text(f'name = "Sở"\n[mail]\nport = {mail.port}\nsender = "d@tinh.vn"\n', encoding="utf-8")
        answer = send(desk, "/admin/mail-test", "/admin/office", address="toi@tinh.vn")
        refused = send(desk, "/admin/mail-test", "/admin/office", address="nobody@tinh.vn")
    assert answer.status_code == 200
    (got,) = (message_from_bytes(one, policy=policy.default) for one in box.mails)
    assert (got["From"], got["To"]) == ("Sở <d@tinh.vn>", "toi@tinh.vn")
    assert "admin" in got.get_body(("plain",)).get_content()
    assert desk.log("office.send")[-1].subject == "toi@tinh.vn"
    assert refused.status_code == 422
    assert "no such mailbox" in refused.text
    away = send(desk, "/admin/mail-test", "/admin/office", address="toi@tinh.vn")
    assert away.status_code == 422
    assert str(mail.port) in away.text
    assert send(desk, "/admin/mail-test", "/admin/office", address="x@y\r\nBcc: z@y.vn").status_code == 422


def test_the_functions_refuse_an_old_version(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    keep_section(path, "", "about", {"name": "Một"})
    version = read_written(path).version
    keep_record(path, version, "departments", None, {"name": "Sở Y tế"})
    with pytest.raises(ConfigConflictError):
        keep_record(path, version, "departments", 0, None)
    with pytest.raises(ConfigConflictError):
        keep_section(path, "", "about", {"name": "Hai"})
    with pytest.raises(FormError):
        keep_section(path, read_written(path).version, "briefing", {"at": "99:99"})
    assert {*RECORDS} == {"departments", "people"}


values = st.one_of(st.integers(-5, 5), st.booleans(), st.text("aă ờ#\"'\n[]=", max_size=8), st.lists(st.text("xy", max_size=3), max_size=3))
keys = st.sampled_from(["name", "mail", "places", "số", "a b"])
tables = st.dictionaries(keys, values, max_size=3)
documents = st.fixed_dictionaries({}, optional={"one": values, "two": values, "mail": tables, "people": st.lists(tables, max_size=3)})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents, st.fixed_dictionaries({}, optional={"one": values | st.none(), "mail": tables, "people": st.lists(tables, max_size=3)}))
def test_a_changed_document_says_what_was_asked_and_keeps_the_rest(old: dict[str, Any], changes: dict[str, Any]) -> None:
    import tomli_w

    text = "# head\n" + tomli_w.dumps(old)
    found = tomllib.loads(with_values(text, changes))
    for key in {*old, *changes}:
        wanted = changes.get(key, old.get(key))
        if key == "mail" and key in changes:
            wanted = {**old.get("mail", {}), **changes["mail"]}
        assert found.get(key) == wanted
