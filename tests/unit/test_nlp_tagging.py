"""The Tagger: repaired text, every step once, versions, order, processes, bad input."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import pytest

from diembao.article import Article
from diembao.errors import ConfigError
from nlp.step import Step, StepError
from nlp.tagging import Tagger, read_abbreviations

CONFIG = Path(__file__).parent.parent.parent / "config"


def shout(title: str) -> str:
    return title.upper()


def fail(title: str) -> str:
    if "hỏng" in title:
        raise ValueError("không đọc được")
    return title


SHOUT = Step(shout, 1, "section", "shout")
FAIL = Step(fail, 1, "section", "fail")


def test_an_article_is_repaired_and_tagged() -> None:
    article = Article(id="7", title="Đồng Tháp: ᴄʜíɴʜ qυʏềɴ số", body="Ông Lê Văn Hưởng ở Tiền Giang.\nCᴜộᴄ họp tại TP. Cần Thơ.")
    tagged = Tagger(CONFIG, "Đồng Tháp").tag(article)
    assert tagged.id == "7"
    assert tagged.title == "Đồng Tháp: chính quyền số"
    assert tagged.body.endswith("Cuộc họp tại TP. Cần Thơ.")
    assert tagged.obfuscated
    assert tagged.content_hash != article.content_hash
    assert tagged.steps["repair"] >= 1
    assert {"entities", "places"} <= tagged.steps.keys()
    assert [place.province for place in tagged.places] == ["Đồng Tháp", "Đồng Tháp", "Cần Thơ"]
    assert all(tagged.body[entity.start : entity.end] == entity.text for entity in tagged.entities)
    assert ("Lê Văn Hưởng", "PER") in [(entity.text, entity.type) for entity in tagged.entities]


def test_shared_values_are_what_a_step_asks_for() -> None:
    seen: list[object] = []

    def look(
        text: str, sentences: list[str], tokens: list[list[str]], body_start: int, office_province: str, abbreviations: dict[str, str]
    ) -> str:
        seen.append((text, sentences, tokens, body_start, office_province, abbreviations["UBND"]))
        return ""

    Tagger(CONFIG, "Huế", [Step(look, 1, "section", "look")]).tag(Article(title="Mưa to", body="Gió. Bão."))
    assert seen == [
        ("Mưa to\nGió. Bão.", ["Mưa to", "Gió.", "Bão."], [["Mưa", "to"], ["Gió", "."], ["Bão", "."]], 7, "Huế", "Ủy ban nhân dân")
    ]


def test_several_fields_of_one_step() -> None:
    both = Step(lambda title: (title, [title]), 1, ("section", "tags"), "both")
    tagged = Tagger(CONFIG, steps=[both]).tag(Article(title="a"))
    assert (tagged.section, tagged.tags) == ("a", ["a"])
    wrong = Step(lambda title: (title,), 1, ("section", "tags"), "both")
    with pytest.raises(StepError, match="step 'both' failed"):
        Tagger(CONFIG, steps=[wrong]).tag(Article(title="a"))


def test_a_failing_step_names_itself_and_the_article() -> None:
    with pytest.raises(StepError, match="step 'fail' failed on article 'x1': ValueError: không đọc được"):
        Tagger(CONFIG, steps=[FAIL]).tag(Article(id="x1", title="hỏng"))


def test_retag_runs_only_what_is_old_and_what_reads_it() -> None:
    ran: list[str] = []

    def step(name: str, version: int, writes: str, function: object) -> Step:
        return Step(function, version, writes, name)  # type: ignore[arg-type]

    def first(title: str) -> str:
        ran.append("first")
        return title

    def second(section: str) -> list[str]:
        ran.append("second")
        return [section]

    def third(body: str) -> str:
        ran.append("third")
        return body

    steps = [step("first", 1, "section", first), step("second", 1, "tags", second), step("third", 1, "copy_of", third)]
    article = Tagger(CONFIG, steps=steps).tag(Article(title="a", body="b"))
    assert ran == ["first", "second", "third"]
    ran.clear()
    assert Tagger(CONFIG, steps=steps).retag(article) is article
    assert ran == []
    newer = Tagger(CONFIG, steps=[step("first", 2, "section", first), *steps[1:]])
    assert newer.retag(article).steps == newer.versions
    assert ran == ["first", "second"]
    ran.clear()
    old_repair = article.with_fields(title="ᴄʜíɴʜ qυʏềɴ", steps=article.steps | {"repair": 0})
    assert Tagger(CONFIG, steps=steps).retag(old_repair).section == "Chính quyền"
    assert ran == ["first", "second", "third"]


def test_order_is_kept_and_reading_stays_close() -> None:
    read: list[int] = []

    def articles() -> Iterator[Article]:
        for number in range(200):
            read.append(number)
            yield Article(id=str(number), title=f"bài {number}")

    results = Tagger(CONFIG, steps=[SHOUT]).tag_all(articles())
    assert next(results).section == "BÀI 0"
    assert len(read) == 1


def test_several_processes_give_the_same_in_the_same_order() -> None:
    articles = [Article(id=str(number), title=f"bài {number}") for number in range(50)]
    tagger = Tagger(CONFIG, steps=[SHOUT])
    assert list(tagger.tag_all(articles, processes=2)) == list(tagger.tag_all(articles))


def test_a_failure_in_another_process_comes_after_the_articles_before_it() -> None:
    articles = [Article(id=str(number), title="hỏng" if number == 11 else "tốt") for number in range(40)]
    given = []
    with pytest.raises(StepError, match="on article '11'"):
        for tagged in Tagger(CONFIG, steps=[FAIL]).tag_all(articles, processes=2):
            given.append(tagged.id)
    assert given == [str(number) for number in range(11)]


@pytest.mark.parametrize("processes", [1, 2])
def test_broken_articles_do_not_stop_the_others_where_somebody_takes_them(processes: int) -> None:
    broken = {0, 11, 12, 39}
    articles = [Article(id=str(number), title="hỏng" if number in broken else "tốt") for number in range(40)]
    failed: list[tuple[str, str]] = []
    tagger = Tagger(CONFIG, steps=[FAIL])
    given = [tagged.id for tagged in tagger.tag_all(articles, processes, lambda article, error: failed.append((article.id, str(error))))]
    assert given == [str(number) for number in range(40) if number not in broken]
    assert [number for number, _ in failed] == [str(number) for number in sorted(broken)]
    assert all("không đọc được" in error for _, error in failed)


def end(title: str) -> str:
    if title == "hết":
        os.kill(os.getpid(), signal.SIGKILL)
    return title


def test_a_process_that_is_killed_is_said_in_one_line() -> None:
    articles = [Article(id=str(number), title="hết" if number == 30 else "còn") for number in range(40)]
    with pytest.raises(StepError, match="a working process was ended from outside"):
        list(Tagger(CONFIG, steps=[Step(end, 1, "section", "end")]).tag_all(articles, processes=2))


BAD = {
    "empty": ("", "", ""),
    "one word": ("Mưa", "", ""),
    "no diacritics": ("Ha Noi mua lon, ngap nhieu noi", "", "Chieu nay TP HCM ngap. " * 5),
    "English": ("Vietnam posts record exports", "", "The Ministry of Industry said on Monday. " * 5),
    "emoji": ("😀😀", "👨\u200d👩\u200d👧", "❤\ufe0f " * 50),
    "control": ("a\x00b", "\x1b[31m", "\x07" * 100),
    "surrogates": ("\ud800 Hà Nội", "", "\udfff" * 10 + " mưa"),
    "numbers": ("123 456", "1", "0912345678 " * 100),
    "punctuation": ("...", "?!", "((((" * 100),
    "other scripts": ("Москва 北京", "", "العربية עברית ไทย हिन्दी " * 20),
    "white space": (" \n\t ", "\n", "\n\n\n \u00a0\n"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_defined_result(name: str) -> None:
    title, lead, body = BAD[name]
    tagger = Tagger(CONFIG)
    tagged = tagger.tag(Article(id="1", title=title, lead=lead, body=body))
    assert tagged.steps == tagger.versions
    assert all(tagged.body[entity.start : entity.end] == entity.text for entity in tagged.entities)
    assert tagger.tag(tagged) == tagged
    Article.from_record(tagged.to_record())


@pytest.mark.parametrize(
    "piece", ["Ông A ở xã Hòa Bình, huyện Cái Bè nói về ᴄʜíɴʜ qυʏềɴ. ", "a.b@", "xã hội ", "x", "ᴀ", "п.", "-", "\u0301", "Q.1", "Hà Nội "]
)
def test_long_bodies_without_mercy(piece: str) -> None:
    tagger = Tagger(CONFIG)
    own = [step for step in tagger.steps if step.name in ("entities", "places")]
    tagged = Tagger(CONFIG, steps=own).tag(Article(title="dài", body=piece * (50_000 // len(piece))))
    assert all(tagged.body[entity.start : entity.end] == entity.text for entity in tagged.entities)


def test_the_article_of_before_the_merger_keeps_its_units() -> None:
    then = Article(title="Đồng Tháp mưa", published_at=datetime(2020, 1, 1, tzinfo=UTC))
    now = Article(title="Đồng Tháp mưa", published_at=datetime(2026, 1, 1, tzinfo=UTC))
    tagger = Tagger(CONFIG)
    assert [(place.code, place.province) for place in tagger.tag(then).places] == [("87cu", "Đồng Tháp")]
    assert [(place.code, place.province) for place in tagger.tag(now).places] == [("82", "Đồng Tháp")]


def test_abbreviations(tmp_path: Path) -> None:
    assert read_abbreviations(CONFIG / "abbreviations.toml")["UBND"] == "Ủy ban nhân dân"
    assert read_abbreviations(tmp_path / "missing.toml") == {}
    path = tmp_path / "abbreviations.toml"
    for text, message in [
        ("a = ", "abbreviations.toml"),
        ("abbreviations = 3", "not a table"),
        ("[abbreviations]\nUB = 4", "'UB' has no text"),
    ]:
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            read_abbreviations(path)


def calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls, C functions too: the same on any machine."""
    count = 0

    def see(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


GROWING = {
    "prose": "Ông Lê Văn An ở xã Hòa Bình, huyện Cái Bè, tỉnh Tiền Giang nói về nước sạch. ",
    "row of communes": "xã Hòa Bình, Tân Lập, Tân Phú và huyện Châu Thành, Cái Bè; ",
    "disguised": "Xây dựng ᴄʜíɴʜ qυʏềɴ đᎥệп tử, а.б.в ɪɪɪ. ",
    "TCVN3": "UBND tØnh TiÒn Giang häp víi n«ng d©n. ",
    "VNI": "UÛy ban nhaân daân tænh hoïp vôùi noâng daân. ",
    "entities": "&amp;&amp;aacute;&#7883; &amp; ",
    "open entities": "&amp;amp;&#38;",
    "no diacritics": "xa Hoa Binh mua lon, TP HCM ngap nhieu noi ",
    "one word": "x",
    "marks": "a\u0301",
    "no stop": "xã hội ",
    "abbreviations": "Q.1",
    "emoji": "👨\u200d👩\u200d👧❤\ufe0f",
    "zero width": "\u200b\u200d",
    "surrogates": "\ud800a",
    "control": "\x00\x07\u2028",
    "numbers": "0912345678 ",
    "hyphens": "Hà Nội-",
    "brackets": "(((\"'“‘",
    "line feeds": "Hà Nội\n\n",
    "slashes": "/ɪ/[ɪ",
}


@pytest.mark.parametrize("name", GROWING)
def test_twice_the_text_takes_about_twice_the_work(name: str) -> None:
    tagger = Tagger(CONFIG, "Đồng Tháp", [step for step in Tagger(CONFIG).steps if step.name in ("entities", "places")])

    def work(length: int) -> int:
        piece = GROWING[name]
        article = Article(title="Mưa", body=(piece * (length // len(piece) + 1))[:length])
        return calls(lambda: tagger.tag(article))

    work(300)  # what is loaded and remembered once
    work(16_000)
    once, twice = work(8_000), work(16_000)
    assert twice <= 2.4 * once + 2000
