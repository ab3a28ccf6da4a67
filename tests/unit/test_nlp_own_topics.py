"""A topic that an office adds: one entry of taxonomy.toml, and tagging writes it, search finds it, pages name it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from fastapi.testclient import TestClient

from cli.indexing import index, search
from diembao.article import Article
from diembao.corrections import read_value
from diembao.errors import ConfigError
from diembao.settings import PROJECT, Settings
from diembao.state import State
from diembao.taxonomy import read_taxonomy
from index import open_engine
from nlp.own_topics import IN_BODY, IN_LEAD, IN_TITLE, find_own_topics, own_topics
from nlp.place_lookup import place_named
from nlp.step import discover
from nlp.tagging import Tagger
from web.app import create_app

ENTRY = 'tourism = { vi = "Du lịch", en = "Tourism", words = ["du lịch", "khách sạn", "Hòa giải"] }\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped configuration with one entry more."""
    folder = tmp_path / "config"
    shutil.copytree(PROJECT / "config", folder, ignore=shutil.ignore_patterns("sources"))
    (folder / "sources").mkdir()
    taxonomy = folder / "taxonomy.toml"
    taxonomy.write_text(taxonomy.read_text(encoding="utf-8").replace("[topics]\n", "[topics]\n" + ENTRY), encoding="utf-8")
    return folder


def tagger(config: Path) -> Tagger:
    return Tagger(config, steps=[step for step in discover() if step.name == "topics"])


def codes(article: Article) -> list[str]:
    return [topic.code for topic in article.topics]


@pytest.mark.parametrize(
    ("title", "lead", "body", "score"),
    [
        ("Du lịch Đồng Tháp khởi sắc", "", "", IN_TITLE),
        ("Mùa sen nở", "Khách sạn kín phòng", "", IN_LEAD),
        ("Mùa sen nở", "", "Các khách sạn đông. Ngành du lịch vui.", IN_BODY),
        ("Mùa sen nở", "", "Ngành du lịch vui.", None),
        ("Tổ hoà giải ở xã", "", "", IN_TITLE),
        ("DU LỊCH", "", "", IN_TITLE),
        ("Du khách và lịch nghỉ", "", "", None),
        ("Giáo dục lịch sử", "", "", None),
        ("", "", "", None),
    ],
)
def test_where_a_phrase_stands_gives_the_score(config: Path, title: str, lead: str, body: str, score: float | None) -> None:
    found = find_own_topics(own_topics(config / "taxonomy.toml"), title, lead, body)
    assert [(topic.code, topic.score) for topic in found] == ([] if score is None else [("tourism", score)])


def test_text_typed_without_marks_is_understood(config: Path) -> None:
    tagged = tagger(config).tag(Article(title="Du lich Dong Thap don nhieu khach trong dip le", body="Cac khach san deu kin phong tu som."))
    assert "tourism" in codes(tagged)
    marked = tagger(config).tag(Article(title="Du lich mua nay", body="Hà Nội có mưa, mọi người ở nhà đọc sách cả ngày."))
    assert "tourism" not in codes(marked)


def test_one_entry_is_enough_for_tagging_search_and_correction(config: Path, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", config, "sqlite", f"sqlite:///{tmp_path / 'state.sqlite'}")
    settings.home.mkdir()
    articles = [
        tagger(config).tag(Article(id=name, title=title))
        for name, title in (("a", "Du lịch Đồng Tháp khởi sắc dịp lễ"), ("b", "Khởi tố ba cán bộ địa chính xã"))
    ]
    assert "tourism" in codes(articles[0])
    assert "tourism" not in codes(articles[1])
    lines = "".join(json.dumps(article.to_record()) + "\n" for article in articles)
    assert CliRunner().invoke(index, [], obj=settings, input=lines).exit_code == 0

    found = json.loads(CliRunner().invoke(search, ["--topic", "tourism", "--json"], obj=settings).stdout)
    assert [hit["id"] for hit in found["hits"]] == ["a"]
    assert {"value": "tourism", "count": 1} in found["facets"]["topic"]
    assert [hit["id"] for hit in json.loads(CliRunner().invoke(search, ["topic:tourism", "--json"], obj=settings).stdout)["hits"]] == ["a"]
    assert "Du lịch" in CliRunner().invoke(search, ["--topic", "tourism"], obj=settings).stdout
    assert CliRunner().invoke(search, ["--topic", "money"], obj=settings).exit_code == 2
    assert settings.taxonomy.topic_name("tourism", "en") == "Tourism"
    assert read_value("topics", "tourism,health", settings.taxonomy, place_named) == ["tourism", "health"]


def test_changing_the_phrases_makes_the_topics_of_indexed_articles_old_and_nothing_else(config: Path) -> None:
    old = tagger(PROJECT / "config")
    article = old.tag(Article(title="Du lịch Đồng Tháp khởi sắc"))
    assert old.retag(article) is article
    new = tagger(config)
    assert not new.is_current(article)
    again = new.retag(article)
    assert "tourism" in codes(again)
    assert new.is_current(again)
    everything = Tagger(config)
    versions = Tagger(PROJECT / "config").versions
    assert {name for name, version in everything.versions.items() if versions.get(name) != version} == {"topics.own_topics"}


def test_pages_name_the_topic_and_offer_it(config: Path, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", config, "sqlite", f"sqlite:///{tmp_path / 'state.sqlite'}")
    settings.home.mkdir()
    engine, state = open_engine(settings), State(settings.database)
    engine.prepare()
    engine.upsert([tagger(config).tag(Article(id="a", title="Du lịch Đồng Tháp khởi sắc", url="https://bao.example/a"))])
    app = create_app(settings, engine, state, lambda: datetime(2026, 11, 20, tzinfo=UTC))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        results = BeautifulSoup(client.get("/search", params={"topic": "tourism"}).text, "lxml")
        page = BeautifulSoup(client.get("/articles/a", params={"lang": "en"}).text, "lxml")
    engine.close()
    state.close()
    assert len(results.select(".hits h3 a")) == 1
    assert "Du lịch" in [link.get_text(strip=True) for link in results.select(".hits .tag")]
    assert "Tourism" in [link.get_text(strip=True) for link in page.select(".article .tag")]
    assert page.select_one("form.correct input[name=topics][value=tourism][checked]") is not None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('Tourism = { vi = "a", en = "b" }', "topic 'Tourism': no such code may be"),
        ('irrelevant = { vi = "a", en = "b" }', "topic 'irrelevant': no such code may be"),
        ('tourism = { vi = "a" }', "topics.tourism.en: Field required"),
        ('tourism = { vi = "a", en = "b", words = ["!"] }', "'!' is no phrase"),
        ('tourism = { vi = "a", en = "b", words = "du lịch" }', "topics.tourism.words"),
        ('tourism = { vi = "a", en = "b", word = ["du lịch"] }', "topics.tourism.word: Extra inputs"),
        ('health2 = { vi = "a", en = "b" }\n[fields.x]\nname = { vi = "x", en = "x" }\ntopics = ["health3"]', "unknown topics: health3"),
        ('health = { vi = "a", en = "b", words = ["bệnh viện"] }', "topic 'health': the model decides it"),
    ],
)
def test_a_wrong_entry_is_one_clear_error(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "taxonomy.toml"
    path.write_text(f"fields = {{}}\n[topics]\n{entry}\n" if "[fields" not in entry else f"[topics]\n{entry}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        read_taxonomy(path)
    assert message in str(raised.value)


def test_a_topic_without_phrases_is_assigned_by_staff_only(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.toml"
    path.write_text('fields = {}\n[topics]\nfestival = { vi = "Lễ hội", en = "Festivals" }\n', encoding="utf-8")
    assert own_topics(path).phrases == {}
    assert own_topics(path).version == 0
    assert own_topics(tmp_path / "missing.toml").version == 0
    assert read_value("topics", "festival", read_taxonomy(path), place_named) == ["festival"]
