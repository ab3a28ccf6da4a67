"""Words, tags and names: the same labels as underthesea gives, sentence by sentence."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest
import underthesea

from diembao.errors import ConfigError
from nlp.repair import repair
from nlp.words import _weights, sentence_spans, split_words, tag_sentences, tag_words

DATA = Path(__file__).parent.parent / "data"
ARTICLES = sorted((DATA / "articles" / "government").glob("*.txt"))
ODD = [
    "a", "Hà Nội", ".", "…", "1.000.000 đồng/m2, ngày 2/9/2026 lúc 10:20:30", "http://tiengiang.gov.vn/a?b=c và abc@tiengiang.gov.vn",
    "nghành y tế chíếc xe qúa đẹp", "H'Mông, N’Thôn Hạ, TP.HCM, T.Ư, v.v...", "😀 :)) <3 => 37°C", "ðường Ðà Nẵng", "Москва 北京 서울",
    "TRÌNH UBND TỈNH VỀ VIỆC NÂNG CẤP", "khong dau thi sao", "The quick brown fox of Vietnam Airlines", "x" * 300, "a.b.c.d " * 20,
    "BOS EOS X X X", "T[0]=BOS", "Ông  Nguyễn\u00a0Văn   A", "\u200b", "1", "- Ai? - Tôi!",
]  # fmt: skip


@cache
def sentences() -> list[str]:
    found = list(ODD)
    texts = [path.read_text(encoding="utf-8") for path in ARTICLES]
    headlines = (DATA / "places" / "headlines.jsonl").read_text(encoding="utf-8").splitlines()
    for record in map(json.loads, headlines):
        texts += [record["title"], record["lead"]]
    for text in (repair(text).text for text in texts):
        found += [text[start:end] for start, end in sentence_spans(text)]
    return found


def test_there_are_hundreds_of_real_sentences() -> None:
    assert len(ARTICLES) == 5
    assert len(sentences()) > 500


def test_words_are_those_of_underthesea() -> None:
    for sentence in sentences():
        assert split_words(sentence).words == underthesea.word_tokenize(sentence), sentence


def test_parts_of_speech_chunks_and_names_are_those_of_underthesea() -> None:
    for sentence in sentences()[:400]:  # underthesea takes its time; benchmarks/tagging.py --sentences compares thousands
        found = [tuple(row) for row in tag_words(split_words(sentence).words)]
        if not found:
            continue  # underthesea fails on a sentence without words
        assert found == underthesea.ner(sentence), sentence  # what pos_tag and chunk give is part of its answer


def test_many_sentences_at_once_are_tagged_as_one_by_one() -> None:
    words = [split_words(sentence).words for sentence in sentences()]
    words[3:3] = [[], [f"chữ{number}" for number in range(9000)], []]  # more than is kept, in one sentence
    assert tag_sentences(words) == [tag_words(sentence) for sentence in words]
    assert tag_sentences([]) == []


def test_words_stand_where_their_spans_say() -> None:
    for sentence in sentences():
        words, spans = split_words(sentence)
        assert len(words) == len(spans)
        behind = 0
        for word, (start, end) in zip(words, spans, strict=True):
            assert behind <= start < end <= len(sentence)
            behind = end
            written = sentence[start:end]
            assert len(word.split()) == len(written.split()) or not written.isalpha()
            if written.isalnum() and len(written) > 6:
                assert word == written


def test_no_sentence_reaches_over_a_line_end_or_loses_a_letter() -> None:
    for path in ARTICLES:
        text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
        spans = sentence_spans(text)
        assert "".join(text[start:end] for start, end in spans).split() == "".join(text.splitlines()).split() or all(
            "\n" not in text[start:end] for start, end in spans
        )
        kept: set[int] = set()
        for start, end in spans:
            assert text[start:end] == text[start:end].strip()
            kept.update(range(start, end))
        assert all(text[position].isspace() for position in range(len(text)) if position not in kept)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("TP. Cần Thơ mưa. Gió to!", 2),
        ("PGS.TS. Nguyễn Văn A nói. Ông về.", 2),
        ("Giá 1.500.000 đồng. Lãi 3,5%.", 2),
        ("Ai đi? Tôi đi! Được… Thôi.", 4),
        ("Chuyện gì...? hỏi ông. “Không biết.” Rồi ông đi.", 3),
        ("dòng một\ndòng hai\n\n\ndòng ba", 3),
        ("", 0),
        (" \n ", 0),
        ("Q. 1, P. Bến Nghé, TP. HCM", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(sentence_spans(text)) == count


def test_a_text_without_any_stop_is_cut() -> None:
    for piece in ("xã hội ", "x", "1."):
        text = piece * 5000
        spans = sentence_spans(text)
        assert max(end - start for start, end in spans) <= 2000
        assert "".join(text[start:end] for start, end in spans) == "".join(text.split(" ")) or " " in piece


def test_a_model_of_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    for content in (b"", b"lCRF", b"x" * 200):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"model\.bin is not a CRFsuite model"):
            _weights(path)
