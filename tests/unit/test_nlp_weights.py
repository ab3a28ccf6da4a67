"""The words that weighed most, measured on the shipped model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from nlp.models.model import headline, shipped
from nlp.models.weights import LEAST, MOST_WORDS, model_of_office, weigh

SENTENCE = "Người dân cho biết đã báo vết nứt từ tháng trước nhưng chưa ai đến kiểm tra."


def probability(sentence: str) -> float:
    _, scores = shipped().read(headline(sentence), [sentence], [False])
    return float(scores.critical_of[0, 0])  # authority


def test_a_weight_is_what_the_model_loses_without_the_word() -> None:
    found = weigh(shipped(), SENTENCE, "critical_of", "authority")
    assert found.probability == pytest.approx(probability(SENTENCE), abs=1e-3)
    assert found.words
    for one in found.words:
        without = f"{SENTENCE[: one.start]} {SENTENCE[one.end :]}"
        assert one.loss == pytest.approx(probability(SENTENCE) - probability(without), abs=2e-3)
    assert [one.loss for one in found.words] == sorted((one.loss for one in found.words), reverse=True)


def test_words_do_not_overlap_and_the_least_are_left_out() -> None:
    found = weigh(shipped(), SENTENCE, "sentiment", "negative").words
    spans = sorted((one.start, one.end) for one in found)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert len(found) <= MOST_WORDS
    assert all(one.loss >= LEAST for one in found)


@pytest.mark.parametrize("sentence", ["", "…", "x " * 5000, "\ud800 <b>", "123"])
def test_any_text_is_weighed(sentence: str) -> None:
    assert 0 <= weigh(shipped(), sentence, "sentiment", "positive").probability <= 1


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="tuple"):
        weigh(shipped(), SENTENCE, "sentiment", "angry")


def test_the_model_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    assert model_of_office(tmp_path) is model_of_office(tmp_path)
    assert model_of_office(tmp_path) is shipped()
    (tmp_path / "models").mkdir()
    shipped().save(tmp_path / "models" / "headlines.npz")
    assert model_of_office(tmp_path) is not shipped()
