"""What the shipped model says of clear cases, and that training, keeping and measuring work on real headlines."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cli.models import models
from diembao.errors import InputError
from nlp.models.evaluation import agreed_figures
from nlp.models.labels import CRITICAL_OF, SENTIMENTS, TOPICS, LabelledHeadline, SecondLabels, read_headlines, shipped_headlines
from nlp.models.measures import Decided, targets
from nlp.models.model import HeadlineModel, headline, load, shipped
from nlp.models.ngrams import letter_keys, word_keys, words
from nlp.models.reading import MOST_SENTENCES, Reading, read, read_with
from nlp.models.splits import outlet_folds, outlet_groups, periods
from nlp.models.training import Recipe, train
from nlp.own_topics import OwnTopics
from nlp.steps import critical_of, sentiment, topics
from nlp.words import sentence_spans

SMALL = Recipe(features=3000, folds=2, units=32, rounds=5, networks=1)


@pytest.fixture(scope="module")
def headlines() -> list[LabelledHeadline]:
    return shipped_headlines()


@pytest.fixture(scope="module")
def small_model(headlines: list[LabelledHeadline]) -> HeadlineModel:
    return train(headlines[:1200], SMALL)


def reading(title: str, lead: str = "", body: str = "") -> Reading:
    text = "\n".join(part for part in (title, lead, body) if part)
    return read(title, lead, [text[start:end] for start, end in sentence_spans(text)])


@pytest.mark.parametrize(
    "title",
    [
        "Khởi tố 3 cán bộ xã vì nhận hối lộ",
        "Tai nạn giao thông nghiêm trọng, 4 người tử vong",
        "Sạt lở đất ở Quảng Nam, nhiều nhà dân bị vùi lấp",
        "Bắt giam nguyên giám đốc sở vì gây thất thoát hàng chục tỷ đồng",
    ],
)
def test_harm_and_wrongdoing_are_negative(title: str) -> None:
    assert reading(title).sentiment.label == "negative"
    assert reading(title).sentiment.confident


def test_deaths_beside_what_is_not_there_are_negative() -> None:
    assert reading("Ba người tử vong vì tai nạn, hai người chưa có mặt").sentiment.label == "negative"


@pytest.mark.parametrize(
    "title",
    [
        "Đà Nẵng không ghi nhận ca nhiễm mới",
        "Hà Nội không còn ca mắc mới",
        "Đoàn học sinh Việt Nam giành 4 huy chương vàng Olympic Toán quốc tế",
    ],
)
def test_good_news_is_not_negative(title: str) -> None:
    assert reading(title).sentiment.label != "negative"


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Khởi tố 3 cán bộ xã vì nhận hối lộ", "security"),
        ("Học sinh lớp 12 bước vào kỳ thi tốt nghiệp THPT", "education"),
        ("Bộ Y tế công bố thêm 3.000 ca mắc Covid-19", "health"),
        ("Tuyển Việt Nam thắng Thái Lan 2-0 ở vòng loại World Cup", "sport"),
        ("Giá lúa ở Đồng bằng sông Cửu Long tăng, nông dân phấn khởi", "agriculture"),
    ],
)
def test_topics_of_clear_headlines(title: str, code: str) -> None:
    assert code in [topic.code for topic in reading(title).topics]


def test_topics_come_most_likely_first() -> None:
    scores = [
        topic.score for topic in reading("Hỗ trợ nông dân xuất khẩu gạo sang châu Âu", "Doanh nghiệp và ngân hàng cho vay vốn").topics
    ]
    assert scores == sorted(scores, reverse=True)


def test_who_is_criticised() -> None:
    assert reading("Kỷ luật chủ tịch xã vì sai phạm đất đai").critical_of.label == "authority"
    assert reading("Bão số 9 gây mưa lớn ở miền Trung").critical_of.label == "none"


@pytest.mark.parametrize(
    "text", ["The president said on Monday that talks would go on", "", "2026", "🎉🎉", "khong co dau thi khong biet noi gi", "\ud800"]
)
def test_what_is_not_vietnamese_is_not_judged(text: str) -> None:
    found = reading(text)
    assert found.topics == []
    assert not found.sentiment.confident
    assert not found.critical_of.confident
    assert sum(found.sentiment.scores.values()) == pytest.approx(1, abs=1e-3)


def test_a_language_that_is_given_decides_whether_the_model_abstains() -> None:
    title = "Khởi tố 3 cán bộ xã vì nhận hối lộ"
    assert read(title, "", [title], language="vi").sentiment.confident
    assert not read(title, "", [title], language="other").sentiment.confident
    assert read(title, "", [title], language="vi-plain").topics == []


def test_a_body_that_says_clearly_more_counts_and_a_short_or_like_one_does_not() -> None:
    title, lead = "Thông tin mới từ xã Tân Lập", "UBND huyện vừa có thông tin về xã Tân Lập."
    body = (
        "Cơ quan điều tra đã khởi tố, bắt tạm giam chủ tịch xã về tội tham ô tài sản. Ông này chiếm đoạt hai tỷ đồng đền bù của dân. "
        "Kế toán xã cũng bị khởi tố vì lập hồ sơ khống. Nhiều hộ dân bức xúc, gửi đơn tố cáo suốt ba năm. "
        "Thanh tra kết luận lãnh đạo xã buông lỏng quản lý, vi phạm nghiêm trọng."
    )
    without, with_body = reading(title, lead), reading(title, lead, body)
    assert with_body.sentiment.scores["negative"] > without.sentiment.scores["negative"] + 0.1
    assert with_body.critical_of.scores["authority"] > without.critical_of.scores["authority"] + 0.1
    assert reading(title, lead, "Cơ quan điều tra đã khởi tố chủ tịch xã.").sentiment.scores == without.sentiment.scores
    flood = "Sạt lở đất vùi lấp hai ngôi nhà, ba người tử vong"
    assert reading(flood, "", body.replace("xã", "xã kia")).sentiment.label == "negative"


def test_deciding_sentences_stand_in_the_text_and_are_few() -> None:
    body = (
        "Sáng 5/3, hội nghị diễn ra tại trụ sở UBND tỉnh. Ba cán bộ bị khởi tố vì tham ô hàng trăm triệu đồng. "
        "Thời tiết hôm nay nắng đẹp. Cơ quan điều tra đã bắt tạm giam các bị can."
    )
    found = reading("Ba cán bộ xã bị khởi tố", "", body)
    assert 1 <= len(found.sentiment.sentences) <= MOST_SENTENCES
    assert all(sentence in f"Ba cán bộ xã bị khởi tố\n{body}" for sentence in found.sentiment.sentences + found.critical_of.sentences)
    assert not any("nắng đẹp" in sentence for sentence in found.sentiment.sentences)


def test_an_article_without_title_is_judged_by_its_body() -> None:
    assert reading("", "", "Cơ quan công an đã khởi tố, bắt tạm giam hai cán bộ về tội nhận hối lộ.").sentiment.label == "negative"


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    long = "Cơ quan công an đã khởi tố hai cán bộ. " * 20_000
    assert reading("Khởi tố hai cán bộ", "", long) == reading("Khởi tố hai cán bộ", "", long[:100_000])


def test_the_steps_give_what_the_reading_gives() -> None:
    title = "Khởi tố 3 cán bộ xã vì nhận hối lộ"
    found = reading(title)
    assert topics.STEP.fn(title, "", "", [title], "vi", shipped(), OwnTopics({}, 0)) == found.topics
    assert sentiment.STEP.fn(title, "", [title], "vi", shipped()) == found.sentiment
    assert critical_of.STEP.fn(title, "", [title], "vi", shipped()) == found.critical_of


def test_spellings_of_one_word_are_one_feature() -> None:
    assert words("hòa thuỷ khoẻ") == words("hoà thủy khỏe")
    assert words("12/3") == words("45/6")
    assert words("") == []
    assert len(word_keys([])) == len(letter_keys([])) == 0


def test_shipped_labels_are_complete(headlines: list[LabelledHeadline]) -> None:
    assert len(headlines) == 4947
    assert {item.origin for item in headlines} == {"danes-annotated", "danes-raw-8"}
    assert {code for item in headlines for code in item.topics} == set(TOPICS)


def test_no_outlet_stands_in_two_folds(headlines: list[LabelledHeadline]) -> None:
    folds = outlet_folds(headlines, 4)
    of_site: dict[str, set[int]] = {}
    for item, fold in zip(headlines, folds, strict=True):
        of_site.setdefault(item.site, set()).add(int(fold))
    assert {len(found) for found in of_site.values()} == {1}
    assert set(folds.tolist()) == {0, 1, 2, 3}


def test_training_learns_more_than_the_majority(small_model: HeadlineModel, headlines: list[LabelledHeadline]) -> None:
    seen = {item.site for item in headlines[:1200]}
    unseen = [item for item in headlines[1200:] if item.site not in seen]
    scores = small_model.scores([headline(item.title, item.lead) for item in unseen])
    said = scores.sentiment.argmax(axis=1)
    truth = np.array([SENTIMENTS.index(item.sentiment) for item in unseen])
    assert (said == truth).mean() > (truth == np.bincount(truth).argmax()).mean() + 0.05
    assert np.allclose(scores.critical_of.sum(axis=1), 1, atol=1e-4)
    assert scores.critical_of.shape == (len(unseen), len(CRITICAL_OF))


def test_a_kept_model_says_the_same(small_model: HeadlineModel, headlines: list[LabelledHeadline], tmp_path: Path) -> None:
    small_model.save(tmp_path / "a.npz")
    again = load(tmp_path / "a.npz")
    again.save(tmp_path / "b.npz")
    texts = [headline(item.title, item.lead) for item in headlines[:200]]
    before, after = small_model.scores(texts), again.scores(texts)
    assert np.abs(before.sentiment - after.sentiment).max() < 0.03
    assert np.abs(before.topics - after.topics).max() < 0.05
    twice = load(tmp_path / "b.npz").scores(texts)
    assert np.allclose(after.sentiment, twice.sentiment, atol=1e-4)
    assert again.about == small_model.about


def test_training_twice_gives_the_same_bytes(headlines: list[LabelledHeadline], tmp_path: Path) -> None:
    recipe = dataclasses.replace(SMALL, features=500)
    for name in ("a", "b"):
        train(headlines[:400], recipe).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_too_few_or_one_sided_labels_are_refused(headlines: list[LabelledHeadline]) -> None:
    with pytest.raises(InputError, match="too few"):
        train(headlines[:10], SMALL)
    with pytest.raises(InputError, match="no headline is labelled positive"):
        train([item for item in headlines[:1000] if item.sentiment != "positive"], SMALL)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"title": 3}, "'title'"),
        ({"title": "a", "sentiment": "bad", "critical_of": "none", "topics": []}, "sentiment"),
        ({"title": "a", "sentiment": "neutral", "critical_of": "none", "topics": ["money"]}, "topics"),
        ({"title": "a", "sentiment": "neutral", "critical_of": "none", "topics": [], "year": "x"}, "year"),
    ],
)
def test_a_wrong_label_names_its_line(tmp_path: Path, line: dict[str, object], message: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("\n" + json.dumps(line), encoding="utf-8")
    with pytest.raises(InputError, match=f"line 2.*{message}"):
        read_headlines(path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK not a model")
    with pytest.raises(InputError, match="diembao models train"):
        load(tmp_path / "m.npz")
    with pytest.raises(InputError, match="diembao models train"):
        load(tmp_path / "missing.npz")


def test_the_small_model_reads_articles(small_model: HeadlineModel) -> None:
    title = "Khởi tố, bắt tạm giam 3 bị can lừa đảo chiếm đoạt tài sản"
    assert read_with(small_model, title, "", [title]).sentiment.sentences == [title]


def test_reading_needs_no_scikit_learn() -> None:
    code = "import sys; from nlp.models.reading import read; read('Hà Nội mưa', '', ['Hà Nội mưa']); sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_shipped_model_says_what_it_was_trained_on() -> None:
    about = shipped().about
    assert about["headlines"] >= 4947
    assert 0.6 < about["figures"]["sentiment macro-F1"] < 1


def test_train_command_writes_a_model(headlines: list[LabelledHeadline], tmp_path: Path) -> None:
    labels, output = tmp_path / "labels.jsonl", tmp_path / "model.npz"
    labels.write_text("".join(json.dumps(dataclasses.asdict(item)) + "\n" for item in headlines[:300]), encoding="utf-8")
    result = CliRunner().invoke(models, ["train", "--labels", str(labels), "--output", str(output), "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["headlines"] == 300
    assert load(output).about["labels"] == "labels.jsonl"


def test_evaluate_command_prints_figures_beside_baselines(headlines: list[LabelledHeadline], tmp_path: Path) -> None:
    labels, second = tmp_path / "labels.jsonl", tmp_path / "second.jsonl"
    labels.write_text("".join(json.dumps(dataclasses.asdict(item)) + "\n" for item in headlines[:400]), encoding="utf-8")
    second.write_text("".join(json.dumps(dataclasses.asdict(item)) + "\n" for item in headlines[:200]), encoding="utf-8")
    given = ["evaluate", "--labels", str(labels), "--folds", "2", "--no-curve", "--second-pass", str(second), "--processes", "1", "--json"]
    result = CliRunner().invoke(models, given, catch_exceptions=False)
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert set(found["outlets"]) == {"majority", "lexicon", "plain TF-IDF", "diembao"}
    figure = found["outlets"]["diembao"]["sentiment macro-F1"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["value"] > found["outlets"]["majority"]["sentiment macro-F1"]["value"]
    assert found["agreement"]["sentiment kappa"] == found["agreement"]["same first topic"] == 1
    assert 0 < found["agreed"]["all"]["diembao"]["topics micro-F1"]["value"] < 1


def test_where_two_passes_disagree_a_topic_is_free_and_a_label_does_not_count(headlines: list[LabelledHeadline]) -> None:
    some = [dataclasses.replace(headlines[place], sentiment="negative", critical_of="none", topics=("security",)) for place in range(10)]
    some[9] = dataclasses.replace(some[9], sentiment="positive")
    second = {item.id: SecondLabels(item.sentiment, item.critical_of, ("security", "traffic")) for item in some}
    second[some[0].id] = SecondLabels("neutral", "none", ("security",))
    scores = targets(some)
    scores[0, len(TOPICS) : len(TOPICS) + 3] = [0, 0, 1]
    topics_said = scores[:, : len(TOPICS)] > 0
    topics_said[1:, TOPICS.index("traffic")] = True
    sentiments = scores[:, len(TOPICS) : len(TOPICS) + 3].argmax(axis=1)
    found = agreed_figures(some, Decided(scores, topics_said, sentiments, np.full(10, CRITICAL_OF.index("none"))), second, resamples=0)
    assert found["topics micro-F1"].value == 1
    assert found["negative precision at recall 0.80"].value == 1
    topics_said[0, TOPICS.index("traffic")] = True
    found = agreed_figures(some, Decided(scores, topics_said, sentiments, np.full(10, CRITICAL_OF.index("none"))), second, resamples=0)
    assert found["topics micro-F1"].value == pytest.approx(2 * 10 / 21)


def test_headlines_of_one_story_of_an_aggregator_share_a_group(headlines: list[LabelledHeadline]) -> None:
    titles = ["Cháy lớn ở kho hàng quận Bình Tân", "Đã dập tắt vụ cháy lớn ở kho hàng quận Bình Tân", "Giá vàng hôm nay tăng", "Hai chữ"]
    items = [dataclasses.replace(headlines[0], title=title, site="baomoi.com") for title in titles]
    groups = outlet_groups([*items, *headlines[:20]]).tolist()
    assert groups[0] == groups[1]
    assert len({groups[1], groups[2], groups[3]}) == 3


def test_periods_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="no span of years"):
        periods("2017,last year")
