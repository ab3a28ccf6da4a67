"""The words everyone uses: articles, addresses, times, fates, sources, settings, state."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest

from diembao.article import Article, content_hash
from diembao.clock import start_of_day, to_utc, vietnam_day
from diembao.errors import ConfigError, DiembaoError, InputError, QueryError, StateError, UsageError
from diembao.fates import Fate, FateLedger
from diembao.jsonl import read_articles, read_records, write_line
from diembao.settings import PROJECT, read_settings
from diembao.source import choose_sources, read_source, read_sources
from diembao.state import OutboxMessage, Run, State
from diembao.taxonomy import TOPIC_CODES, read_taxonomy
from diembao.urls import article_id, normalise_url

SOURCE = """
name = "Báo Sông Tiền"
domain = "baosongtien.example"
feeds = ["https://baosongtien.example/rss"]
"""


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "https://bao.vn/a?a=1&b=2",
            "http://www.bao.vn/a/?b=2&a=1",
            "HTTPS://BAO.VN:443/a?utm_source=zalo&a=1&b=2#binh-luan",
            "https://bao.vn/a?fbclid=x&b=2&a=1",
        ],
    )
    def test_spellings_of_one_address_are_one_article(self, url: str) -> None:
        assert normalise_url(url) == "https://bao.vn/a?a=1&b=2"
        assert article_id(url) == article_id("https://bao.vn/a?a=1&b=2")

    @pytest.mark.parametrize(
        "url", ["https://bao.vn/A", "https://bao.vn/a?a=2&b=2", "https://m.bao.vn/a?a=1&b=2", "https://bao.vn:8080/a?a=1&b=2"]
    )
    def test_other_addresses_are_other_articles(self, url: str) -> None:
        assert article_id(url) != article_id("https://bao.vn/a?a=1&b=2")

    @pytest.mark.parametrize("url", ["", "bao.vn/a", "javascript:alert(1)", "ftp://bao.vn/a", "https://"])
    def test_what_is_no_web_address_has_no_normal_form(self, url: str) -> None:
        with pytest.raises(ValueError, match="not an absolute"):
            normalise_url(url)

    def test_an_id_is_the_beginning_of_the_hash_of_the_normal_form(self) -> None:
        expected = hashlib.sha256(b"https://bao.vn/a").hexdigest()[:32]
        assert article_id("http://www.bao.vn/a/") == expected


class TestArticle:
    def test_only_a_title_must_be_there(self) -> None:
        assert Article.from_record({"title": ""}).title == ""
        with pytest.raises(InputError, match="'title'"):
            Article.from_record({"lead": "sapo"})

    @pytest.mark.parametrize("record", [None, 3, "text", [], ["title"]])
    def test_other_json_is_refused_with_its_position(self, record: object) -> None:
        with pytest.raises(InputError, match="line 7"):
            Article.from_record(record, "line 7")

    def test_null_text_is_empty_and_null_lists_are_empty(self) -> None:
        article = Article.from_record(
            {"title": "t", "lead": None, "body": None, "authors": None, "topics": None, "steps": None, "revision": None}
        )
        assert (article.lead, article.body, article.authors, article.topics, article.steps, article.revision) == ("", "", [], [], {}, 1)

    def test_a_time_without_zone_is_vietnams(self) -> None:
        article = Article.from_record({"title": "t", "published_at": "2026-11-20T07:00:00"})
        assert article.published_at == datetime(2026, 11, 20, tzinfo=UTC)
        assert article.to_record()["published_at"] == "2026-11-20T00:00:00Z"

    def test_an_absurd_time_is_named(self) -> None:
        with pytest.raises(InputError, match="published_at"):
            Article.from_record({"title": "t", "published_at": "hôm qua"})

    def test_a_given_id_is_kept_and_a_missing_one_comes_from_the_address(self) -> None:
        assert Article.from_record({"title": "t", "id": 22651324}).id == "22651324"
        assert Article.from_record({"title": "t", "url": "https://bao.vn/a"}).id == article_id("https://bao.vn/a")

    def test_lone_surrogates_do_not_survive(self) -> None:
        article = Article.from_record(json.loads('{"title": "mưa \\ud83d to"}'))
        assert article.title == "mưa \ufffd to"

    def test_white_space_and_composition_do_not_make_a_revision(self) -> None:
        assert content_hash("Hà Nội", "", "mưa  to\n") == content_hash("Ha\u0300 No\u0323\u0302i", "", "mưa to")
        assert content_hash("a", "b", "") != content_hash("a", "", "b")

    def test_the_hash_follows_the_text(self) -> None:
        article = Article(title="cũ")
        assert article.with_fields(title="mới").content_hash == Article(title="mới").content_hash != article.content_hash

    def test_what_is_written_is_read_back(self) -> None:
        article = Article(title="t", url="https://bao.vn/a", published_at=datetime(2026, 1, 2, 3, tzinfo=UTC), tags=["mưa"])
        assert Article.from_record(json.loads(json.dumps(article.to_record()))) == article


class TestTime:
    def test_days_begin_at_midnight_in_vietnam(self) -> None:
        assert vietnam_day(datetime(2026, 11, 20, 17, tzinfo=UTC)) == date(2026, 11, 21)
        assert vietnam_day(start_of_day(date(2026, 11, 20))) == date(2026, 11, 20)
        assert to_utc(datetime(2026, 11, 20)) == start_of_day(date(2026, 11, 20))


class TestFates:
    def test_every_page_has_one_fate(self) -> None:
        ledger = FateLedger()
        for page, fate in (("a", Fate.INDEXED), ("b", Fate.UNCHANGED), ("c", Fate.TIMEOUT), ("d", Fate.TIMEOUT)):
            ledger.take_up(page)
            ledger.settle(page, fate)
        ledger.check()
        assert ledger.summary() == {"fetched": 4, "indexed": 1, "unchanged": 1, "dropped": {"timeout": 2}}

    def test_a_second_fate_is_refused(self) -> None:
        ledger = FateLedger()
        ledger.take_up("a")
        ledger.settle("a", Fate.INDEXED)
        ledger.settle("a", Fate.INDEXED)
        with pytest.raises(DiembaoError, match="two fates"):
            ledger.settle("a", Fate.GONE)

    def test_a_page_without_fate_and_a_fate_without_page_are_found(self) -> None:
        ledger = FateLedger()
        ledger.take_up("a")
        with pytest.raises(DiembaoError, match="1 pages have no fate"):
            ledger.check()
        with pytest.raises(DiembaoError, match="never taken up"):
            ledger.settle("b", Fate.INDEXED)


class TestSources:
    def test_a_minimal_newspaper_is_three_lines(self, tmp_path: Path) -> None:
        (tmp_path / "songtien.toml").write_text(SOURCE, encoding="utf-8")
        source = read_source(tmp_path / "songtien.toml")
        assert (source.id, source.kind, source.enabled) == ("songtien", "newspaper", True)
        assert source.layout_for(date(2026, 1, 1)) is None

    def test_the_layout_of_the_day_is_chosen(self, tmp_path: Path) -> None:
        layouts = '[[layout]]\ntitle = "h1.new"\nvalid_from = 2025-07-01\n[[layout]]\ntitle = "h1.old"\n'
        (tmp_path / "s.toml").write_text(SOURCE + layouts, encoding="utf-8")
        source = read_source(tmp_path / "s.toml")
        chosen = [layout.title for day in (date(2025, 6, 30), date(2025, 7, 1), None) if (layout := source.layout_for(day))]
        assert chosen == ["h1.old", "h1.new", "h1.new"]

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ("name = \n", "line 1"),
            (SOURCE + "colour = 'red'", "colour"),
            ('name = "x"\ndomain = "x.vn"', "needs a feed"),
            (SOURCE + "delay = -1", "delay"),
            (SOURCE + 'kind = "blog"', "kind"),
            (SOURCE.replace("https://baosongtien.example/rss", "file:///etc/passwd"), "feeds"),
        ],
    )
    def test_a_wrong_file_is_named_with_the_place(self, tmp_path: Path, text: str, place: str) -> None:
        path = tmp_path / "wrong.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match="wrong.toml") as caught:
            read_source(path)
        assert place in str(caught.value)

    def test_an_unknown_source_is_named_with_the_known_ones(self, tmp_path: Path) -> None:
        (tmp_path / "songtien.toml").write_text(SOURCE, encoding="utf-8")
        with pytest.raises(UsageError, match="songtiem.*songtien"):
            choose_sources(read_sources(tmp_path), ["songtiem"])


class TestSettings:
    def test_defaults_lie_in_the_project(self, tmp_path: Path) -> None:
        settings = read_settings({"DIEMBAO_HOME": str(tmp_path / "new" / "home")})
        assert settings.config == PROJECT / "config"
        assert settings.index == "sqlite"
        assert settings.home.is_dir()
        assert settings.database == f"sqlite:///{tmp_path}/new/home/state.sqlite"

    @pytest.mark.parametrize(
        ("environment", "says"),
        [
            ({"DIEMBAO_CONFIG": "/nowhere"}, "is not a folder"),
            ({"DIEMBAO_INDEX": "solr"}, "http://127.0.0.1:9200"),
            ({"DIEMBAO_HOME": "/proc/home"}, "cannot be created"),
        ],
    )
    def test_a_wrong_environment_says_what_to_do(self, tmp_path: Path, environment: dict[str, str], says: str) -> None:
        with pytest.raises(ConfigError, match=says):
            read_settings({"DIEMBAO_HOME": str(tmp_path), **environment})

    def test_a_wrong_office_is_named_with_the_place(self, tmp_path: Path) -> None:
        (tmp_path / "office.toml").write_text("[mail]\nport = 70000\n", encoding="utf-8")
        with pytest.raises(ConfigError, match=r"office\.toml: mail\.port"):
            _ = read_settings({"DIEMBAO_HOME": str(tmp_path / "h"), "DIEMBAO_CONFIG": str(tmp_path)}).office

    def test_the_shipped_taxonomy_names_every_topic(self) -> None:
        taxonomy = read_taxonomy(PROJECT / "config" / "taxonomy.toml")
        assert tuple(taxonomy.topics) == TOPIC_CODES
        assert len(taxonomy.fields) == 5
        assert taxonomy.fields_of("sport") == ["culture"]

    def test_a_field_of_unknown_topics_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "taxonomy.toml"
        path.write_text('[topics]\na = {vi = "a", en = "a"}\n[fields.f]\nname = {vi = "f", en = "f"}\ntopics = ["b"]\n', encoding="utf-8")
        with pytest.raises(ConfigError, match="unknown topics: b"):
            read_taxonomy(path)


class TestState:
    def test_times_come_back_aware(self, tmp_path: Path) -> None:
        state = State(f"sqlite:///{tmp_path}/state.sqlite")
        moment = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
        with state.session() as session:
            session.add(Run(id="r", started_at=moment, ended_at=None, indexed_at=None, fates={"fetched": 1}))
        with state.session() as session:
            run = session.get_one(Run, "r")
            assert run.started_at == moment
            assert run.fates == {"fetched": 1}
        state.close()

    def test_a_failed_block_leaves_nothing(self, tmp_path: Path) -> None:
        state = State(f"sqlite:///{tmp_path}/state.sqlite")
        with pytest.raises(KeyError), state.session() as session:
            session.add(Run(id="r", started_at=datetime.now(UTC), fates={}))
            raise KeyError
        with state.session() as session:
            assert session.query(Run).count() == 0
        state.close()

    def test_a_damaged_file_is_one_readable_line(self, tmp_path: Path) -> None:
        (tmp_path / "state.sqlite").write_bytes(b"this is no database, " * 500)
        with pytest.raises(StateError, match="not a database.*put it aside") as caught:
            State(f"sqlite:///{tmp_path}/state.sqlite")
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
    def test_every_spelling_of_postgresql_means_the_driver_that_is_there(self, scheme: str) -> None:
        with pytest.raises(StateError, match="connection failed|Connection refused") as caught:
            State(f"{scheme}://user:secret@127.0.0.1:1/db?connect_timeout=2")
        assert "secret" not in str(caught.value)

    def test_a_password_is_never_shown(self) -> None:
        with pytest.raises(StateError) as caught:
            State("nosuchdialect://user:secret@host/db")
        assert "secret" not in str(caught.value)

    def test_a_naive_time_is_refused(self, tmp_path: Path) -> None:
        state = State(f"sqlite:///{tmp_path}/state.sqlite")
        naive = datetime(2026, 1, 1)
        with pytest.raises(StateError, match="without zone"), state.session() as session:
            session.add(OutboxMessage(key="k", recipient="r", message_id="m", message=b"", created_at=naive, next_attempt_at=naive))
        state.close()


class TestJsonLines:
    @pytest.mark.parametrize(
        ("line", "says"), [("{", "line 2 is not JSON"), ("[1]", "line 2 is not a JSON object"), ('{"lead": 1}', "line 2")]
    )
    def test_a_wrong_line_is_named(self, line: str, says: str) -> None:
        with pytest.raises(InputError, match=says):
            list(read_articles(['{"title": "t"}', line]))

    def test_blank_lines_are_passed_over(self) -> None:
        assert [number for number, _ in read_records(["", '{"title": "t"}', "  \n"])] == [2]

    def test_letters_stay_letters_and_surrogates_are_escaped(self) -> None:
        stream = StringIO()
        write_line(stream, {"title": "mưa"})
        write_line(stream, {"title": "\ud83d"})
        assert stream.getvalue() == '{"title":"mưa"}\n{"title":"\\ud83d"}\n'


def test_a_query_error_points_at_the_place() -> None:
    error = QueryError("thiếu dấu ngoặc", "missing parenthesis", 4)
    assert str(error) == "thiếu dấu ngoặc / missing parenthesis (ký tự / character 5)"
    assert error.exit_code == 2
