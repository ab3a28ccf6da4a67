"""The whole chain as a stranger starts it: `diembao demo --no-serve` in processes of their own, on the bundled newspapers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from demo.landscape import ExpectedPage, Landscape
from diembao.article import Article
from diembao.clock import utc_now
from diembao.engine import SearchRequest
from diembao.settings import Settings, read_settings
from diembao.state import AlertRecord, OutboxMessage, Revision, Run, State
from index import open_engine

pytestmark = pytest.mark.slow

ENGINES = [
    pytest.param("sqlite", marks=pytest.mark.xdist_group("chain-sqlite")),
    pytest.param("elasticsearch", marks=[pytest.mark.xdist_group("chain-elasticsearch"), pytest.mark.elasticsearch]),
]


@dataclass(frozen=True)
class Demonstration:
    """What two runs of the demonstration left."""

    home: Path
    first: dict[str, Any]
    second: dict[str, Any]
    mails: list[Path]
    articles: dict[str, Article]
    landscape: Landscape
    settings: Settings


def run_demo(home: Path, index: str) -> dict[str, Any]:
    environment = {**os.environ, "DIEMBAO_HOME": str(home), "DIEMBAO_INDEX": index}
    done = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--no-serve", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module", params=ENGINES)
def demonstration(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    index = "sqlite" if request.param == "sqlite" else request.getfixturevalue("elasticsearch_index")
    home = tmp_path_factory.mktemp("chain")
    folder = home / "demo"
    # Ports of our own, so that a demonstration open on this machine is not disturbed.
    landscape = Landscape.open(folder, utc_now(), preferred_ports=[])
    first, second = run_demo(home, index), run_demo(home, index)
    settings = read_settings({"DIEMBAO_HOME": first["home"], "DIEMBAO_CONFIG": first["config"], "DIEMBAO_INDEX": index})
    engine = open_engine(settings)
    engine.prepare()
    articles = {article.id: article for article in engine.scan()}
    engine.close()
    mails = sorted((folder / "mail").glob("*.eml"))
    return Demonstration(home, first, second, mails, articles, Landscape.open(folder, landscape.anchor), settings)


def pages_after_both_stages(demonstration: Demonstration) -> list[ExpectedPage]:
    return demonstration.landscape.expected()


def test_every_page_of_the_landscape_was_taken_up_once_a_round(demonstration: Demonstration) -> None:
    before, after = demonstration.first["rounds"]
    landscape = demonstration.landscape
    assert before["fates"]["fetched"] == len(landscape.published(stage=1))
    assert after["fates"]["fetched"] == len(landscape.published(stage=2))


@pytest.mark.parametrize("which", ["first", "second"])
def test_the_fates_add_up(demonstration: Demonstration, which: str) -> None:
    for result in getattr(demonstration, which)["rounds"]:
        fates = result["fates"]
        assert fates["fetched"] == fates["indexed"] + fates["unchanged"] + sum(fates["dropped"].values())
        assert result["quarantined"] == 0


def test_each_page_has_the_fate_that_its_trouble_deserves(demonstration: Demonstration) -> None:
    from crawlers.runs import read_run
    from diembao.fates import Fate

    last_run = sorted((Path(demonstration.first["home"]) / "runs").iterdir())[1]
    crawled = {page.page: page.fate for page in read_run(last_run).fates()}
    wrong = {}
    for page in demonstration.landscape.expected(crawled=1):
        allowed = {None if fate is Fate.INDEXED else fate for fate in page.fates}
        if crawled.get(page.id, "never taken up") not in allowed:
            wrong[page.url] = (page.trouble, crawled.get(page.id, "never taken up"), page.fates)
    assert wrong == {}


def test_the_engine_holds_just_the_articles(demonstration: Demonstration) -> None:
    expected = {page.id for page in pages_after_both_stages(demonstration) if page.is_article}
    # What was read before it was taken down stays known.
    taken_down = {page.id for page in demonstration.landscape.expected() if page.trouble == "taken_down"}
    assert set(demonstration.articles) - taken_down == expected - taken_down
    assert taken_down <= set(demonstration.articles)


def test_titles_and_texts_are_what_the_writers_wrote(demonstration: Demonstration) -> None:
    from nlp.repair import repair

    for page in pages_after_both_stages(demonstration):
        if page.text is None:
            continue
        article = demonstration.articles[page.id]
        assert article.title == repair(page.text.title).text, page.url
        wanted = repair(page.text.body).text.split()
        found = set(article.body.split())
        assert sum(word in found for word in wanted) >= 0.95 * len(wanted), page.url


def test_every_article_is_tagged(demonstration: Demonstration) -> None:
    for article in demonstration.articles.values():
        assert article.sentiment is not None
        assert article.critical_of is not None
        assert article.archive is not None
        assert article.story_id
        assert len(article.steps) >= 7
        assert all(article.body[entity.start : entity.end] == entity.text for entity in article.entities)


def test_disguised_letters_are_undone_and_said(demonstration: Demonstration) -> None:
    disguised = [article for article in demonstration.articles.values() if article.obfuscated]
    assert disguised
    for article in disguised:
        assert not set(article.title + article.body) & set("ᴄɴʜᴛʀᴏυп"), article.url


def test_reprints_point_at_their_origin(demonstration: Demonstration) -> None:
    pages = {page.url: page for page in pages_after_both_stages(demonstration) if page.is_article}
    declared = {page.id: pages[page.copy_of].id for page in pages.values() if page.copy_of in pages}
    found = {article.id: article.copy_of for article in demonstration.articles.values() if article.copy_of}
    assert declared
    assert found == declared


def test_the_edited_article_has_two_revisions(demonstration: Demonstration) -> None:
    (edited,) = [page for page in demonstration.landscape.expected(crawled=1) if page.revised]
    assert edited.text is not None
    assert demonstration.articles[edited.id].revision == 2
    state = State(f"sqlite:///{demonstration.first['home']}/state.sqlite")
    with state.session() as session:
        revisions = session.query(Revision).filter_by(article_id=edited.id).order_by(Revision.revision).all()
        assert [revision.revision for revision in revisions] == [1, 2]
        assert revisions[0].title != revisions[1].title
    state.close()


def test_one_field_jumped_and_one_mail_came(demonstration: Demonstration) -> None:
    before, after = demonstration.first["rounds"]
    assert before["alerts"] == []
    assert len(after["alerts"]) == 1
    (path,) = demonstration.mails
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert "môi trường" in str(mail["Subject"]).lower()
    assert b"\nList-Unsubscribe: <http://127.0.0.1:" in path.read_bytes().replace(b"\r\n", b"\n")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "http://127.0.0.1" in text.get_content()
    images = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert images[0].get_payload(decode=True)[:8] == b"\x89PNG\r\n\x1a\n"  # type: ignore[index]


def test_the_second_run_doubles_nothing(demonstration: Demonstration) -> None:
    (again,) = demonstration.second["rounds"]
    assert again["fates"]["indexed"] == 0
    assert again["fates"]["unchanged"] == sum(page.is_article for page in demonstration.landscape.expected())
    assert again["sent"] == 0
    state = State(f"sqlite:///{demonstration.first['home']}/state.sqlite")
    with state.session() as session:
        assert session.query(AlertRecord).count() == 1
        assert session.query(OutboxMessage).count() == 1
        assert session.query(Run).filter(Run.indexed_at.is_not(None)).count() == 3
    state.close()


def test_staff_find_it_with_and_without_accents(demonstration: Demonstration) -> None:
    engine = open_engine(demonstration.settings)
    engine.prepare()
    with_accents = engine.search(SearchRequest("nước thải", limit=100))
    without = engine.search(SearchRequest("nuoc thai", limit=100))
    engine.close()
    assert with_accents.total >= 3
    assert {hit.article.id for hit in with_accents.hits} <= {hit.article.id for hit in without.hits}


def test_the_archive_gives_each_page_back(demonstration: Demonstration) -> None:
    from crawlers.archive import read_record

    folder = Path(demonstration.first["home"]) / "archive"
    for article in list(demonstration.articles.values())[::7]:
        assert article.archive is not None
        record = read_record(folder, article.archive)
        assert record.url == article.url


def test_a_replay_from_the_archive_gives_the_same_ids_and_labels(demonstration: Demonstration, tmp_path: Path) -> None:
    from crawlers.replay import replay
    from crawlers.runs import read_run
    from diembao.source import read_sources
    from index.ingest import ingest
    from nlp.linking import link
    from nlp.tagging import Tagger

    old = demonstration.settings
    new = Settings(tmp_path, old.config, "sqlite", f"sqlite:///{tmp_path}/state.sqlite")
    engine, state, tagger = open_engine(new), State(new.database), Tagger.of(new)
    engine.prepare()
    sources = read_sources(old.sources_folder)
    for run in sorted(folder.name for folder in old.runs_folder.iterdir()):
        pages = replay(old.archive_folder, run, sources)
        articles = {page.article.id: page.article for page in pages if page.problem is None and page.article is not None}
        for part in read_run(old.runs_folder / run).parts():
            ingest(engine, state, link(list(tagger.tag_all(articles[article.id] for article in part)), engine))
    again = {article.id: article for article in engine.scan()}
    engine.close()
    state.close()
    when = {"first_seen_at", "fetched_at"}  # an unchanged page that is fetched again moves the latter in the first engine only
    assert {key: article.model_dump(exclude=when) for key, article in again.items()} == {
        key: article.model_dump(exclude=when) for key, article in demonstration.articles.items()
    }
