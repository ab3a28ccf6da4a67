"""Vietnamese with and without marks told from other languages."""

from __future__ import annotations

import gzip
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diembao.article import Article
from nlp.language import language_of
from nlp.step import Step
from nlp.tagging import Tagger

HEADLINES = Path(__file__).parent.parent.parent / "nlp" / "models" / "labels" / "danes.jsonl.gz"

FOREIGN = [
    "The Ministry of Industry and Trade said on Monday that exports rose by ten percent.",
    "Prime Minister Phạm Minh Chính met the President of Laos in Vientiane on Tuesday morning.",
    "Hà Nội to open four new metro stations before the end of the year",
    "Flood warning issued for three provinces in the Mekong Delta",
    "How to cook the best pho at home",
    "Le président de la République a été reçu à l'Élysée par les maires des grandes villes.",
    "Où sont passés les élèves de l'école primaire du village ?",
    "Pemerintah Indonesia mengumumkan kebijakan baru tentang harga bahan bakar minyak.",
    "Hujan deras mengguyur Jakarta sejak tadi malam, beberapa jalan tergenang.",
    "Kerajaan Malaysia akan membina hospital baharu di Johor tahun depan.",
    "Der Bundestag hat am Freitag über den neuen Haushalt abgestimmt.",
    "El gobierno anunció ayer nuevas medidas contra la inflación.",
    "O presidente disse que não haverá mais impostos sobre os salários.",
    "Il governo ha deciso che la legge non sarà più discussa.",
    "Regeringen har besluttet at bygge en ny bro over fjorden.",
    "Rząd zapowiedział nowe przepisy dla przedsiębiorców.",
    "Правительство объявило о новых мерах поддержки.",
    "中国国家主席周一会见越南领导人",
    "日本の首相はベトナムを訪問した",
    "정부는 새로운 정책을 발표했다",
    "รัฐบาลประกาศมาตรการใหม่",
    "أعلنت الحكومة عن إجراءات جديدة",
]

VIETNAMESE = [
    "Khởi tố 3 cán bộ xã",
    "Công an Nam Đàn bắt nghi can",
    "Djokovic rút khỏi Miami Open",
    "Tottenham thua đậm Manchester United tại White Hart Lane",
    "Galaxy S26 Ultra rò rỉ camera 200MP",
    "TP.HCM mưa to",
    "UBND tỉnh họp",
    "HÀ NỘI NGẬP NẶNG",
    "Ngập",
]


@pytest.mark.parametrize("text", FOREIGN)
def test_other_languages(text: str) -> None:
    assert language_of(text) == "other"


@pytest.mark.parametrize("text", VIETNAMESE)
def test_vietnamese(text: str) -> None:
    assert language_of(text) == "vi"


@pytest.mark.parametrize("text", ["", " \n", "2026", "😀😀", "UBND TP.HCM", "...", "a b c", "Mua", "\ufffd\x00"])
def test_nothing_to_tell_by(text: str) -> None:
    assert language_of(text) == "none"


def without_marks(text: str) -> str:
    plain = text.replace("đ", "d").replace("Đ", "D")
    return "".join(letter for letter in unicodedata.normalize("NFD", plain) if not unicodedata.combining(letter))


def test_headlines_with_and_without_marks() -> None:
    """4,947 headlines with leads of 500 Vietnamese outlets; about 90 of them are in English or French."""
    records = [json.loads(line) for line in gzip.decompress(HEADLINES.read_bytes()).decode().splitlines()]
    texts = [unicodedata.normalize("NFC", f"{record['title']}\n{record['lead']}") for record in records]
    found = [language_of(text) for text in texts]
    vietnamese = [text for text, language in zip(texts, found, strict=True) if language == "vi"]
    assert len(vietnamese) > 0.975 * len(texts)
    assert found.count("none") == 0
    plain = [language_of(without_marks(text)) for text in vietnamese]
    assert plain.count("vi-plain") > 0.985 * len(plain)
    assert plain.count("vi") == 0


def test_steps_may_ask_for_it() -> None:
    seen: list[str] = []

    def look(language: str) -> str:
        seen.append(language)
        return ""

    tagger = Tagger(Path("missing"), steps=[Step(look, 1, "section", "look")])
    for title, body in (("Khoi to 3 can bo xa o Tien Giang", ""), ("Rice prices", "The price of rice rose again."), ("Mưa", ""), ("", "")):
        tagger.tag(Article(title=title, body=body))
    assert seen == ["vi-plain", "other", "vi", "none"]


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert language_of(text) in ("vi", "vi-plain", "other", "none")
