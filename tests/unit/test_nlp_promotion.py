"""A model that learnt from corrections replaces the present one only on good grounds."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cli.models import models
from diembao.article import Article
from diembao.corrections import corrected
from diembao.settings import PROJECT, Settings
from nlp.models import promotion
from nlp.models.labels import LabelledHeadline, shipped_headlines
from nlp.models.measures import Decided, label_columns, targets
from nlp.models.model import HeadlineModel, shipped
from nlp.models.office import install, model_in_use, office_path
from nlp.models.promotion import CorrectedItem, Difference, Paired, corrected_items, decide, differences, learn, paired, silent_items
from nlp.models.reading import read_with
from nlp.models.training import Recipe, train
from nlp.tagging import Tagger

Reviewed = tuple[list[CorrectedItem], list[CorrectedItem]]
SMALL = Recipe(features=3000, folds=2, units=32, rounds=5, networks=1)
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promotion, "_FOLDS", 2)
    monkeypatch.setattr(promotion, "_RESAMPLES", 100)


@pytest.fixture(scope="module")
def headlines() -> list[LabelledHeadline]:
    return shipped_headlines()


@pytest.fixture(scope="module")
def labels(headlines: list[LabelledHeadline]) -> list[LabelledHeadline]:
    return headlines[:900]


@pytest.fixture(scope="module")
def present(labels: list[LabelledHeadline]) -> HeadlineModel:
    return train(labels, SMALL)


def given(item: LabelledHeadline, machine: str, staff: str | None, confident: bool = True) -> Article:
    """The article of a headline, in which staff gave the tone `staff`, if any, where the models had said `machine`."""
    article = Article.model_validate(
        {
            "id": item.id,
            "url": f"https://{item.site or 'bao.example'}/{item.id}",
            "title": item.title,
            "lead": item.lead,
            "sentiment": {"label": machine, "confident": confident},
            "critical_of": {"label": item.critical_of, "confident": False},
            "topics": [{"code": code, "score": 0.9} for code in item.topics],
            "published_at": NOW,
        }
    )
    return corrected(article, {"sentiment": staff}, lambda _: None) if staff else article


def test_what_is_learnt_is_what_staff_gave_and_the_models_for_the_rest() -> None:
    plain = Article.model_validate(
        {
            "id": "a",
            "url": "https://bao.example/a",
            "title": "Lũ",
            "body": "Nước dâng nhanh. Dân chạy lũ.",
            "sentiment": {"label": "neutral"},
            "critical_of": {"label": "none"},
            "topics": [{"code": "environment", "score": 0.9}],
            "published_at": NOW,
        }
    )
    values = {"sentiment": "negative", "topics": ["traffic", "tourism"], "relevant": False}
    (item,) = corrected_items([plain, corrected(plain, values, lambda _: None), corrected(plain, {"relevant": False}, lambda _: None)])
    assert (item.labels.sentiment, item.labels.topics, item.labels.critical_of) == ("negative", ("traffic",), "none")
    assert (item.machine.sentiment, item.machine.topics) == ("neutral", ("environment",))
    assert item.fields == ("topics", "sentiment")
    assert (item.labels.site, item.labels.year, item.labels.lead, item.lead) == (
        "bao.example", 2026, "Nước dâng nhanh. Dân chạy lũ.", "",
    )  # fmt: skip
    assert item.sentences == ("Lũ", "Nước dâng nhanh.", "Dân chạy lũ.")


def test_a_fixed_share_of_the_stories_is_held_out(headlines: list[LabelledHeadline]) -> None:
    items = corrected_items(given(item, "neutral", "negative") for item in headlines[:1000])
    held = [item.story for item in items if item.held_out]
    assert 0.25 < len(held) / len(items) < 0.35
    again = corrected_items(given(item, "neutral", "positive") for item in headlines[:1000])
    assert held == [item.story for item in again if item.held_out]


@pytest.fixture(scope="module")
def reviewed(headlines: list[LabelledHeadline], present: HeadlineModel) -> tuple[list[CorrectedItem], list[CorrectedItem]]:
    """What staff say who mend each wrong tone that they meet, and what they leave as it is."""
    mended, left = [], []
    for item in headlines[900:2400]:
        said = read_with(present, item.title, item.lead, [item.title, item.lead]).sentiment
        if said.label == item.sentiment:
            left.append(given(item, said.label, None, said.scores[said.label] >= 0.6))
        else:
            mended.append(given(item, said.label, item.sentiment))
    return corrected_items(mended), silent_items(left)


def test_right_corrections_are_learnt_and_the_model_replaced(
    headlines: list[LabelledHeadline],
    labels: list[LabelledHeadline],
    present: HeadlineModel,
    reviewed: Reviewed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(promotion, "KEPT", 0.85)  # models of 900 headlines are unsteady
    items, silent = reviewed
    model, verdict = learn(labels, items, silent, present, SMALL, lambda _: None)
    assert verdict.promote, verdict.why
    assert verdict.corrections["given"] == len(items)
    assert verdict.corrections["held_out"] == sum(item.held_out for item in items)
    assert verdict.right["new"] > verdict.right["control"]
    assert verdict.kept is not None
    assert verdict.kept >= promotion.KEPT
    unseen = headlines[2400:2900]

    def right(one: HeadlineModel) -> int:
        return sum(read_with(one, item.title, item.lead, [item.title, item.lead]).sentiment.label == item.sentiment for item in unseen)

    assert right(model) > right(present)  # what nobody looked at is read better too
    assert set(verdict.on_labels) == set(promotion.FIGURES)
    assert not any(change.is_worse for change in verdict.on_labels.values())
    assert "p = " in verdict.why

    before = Tagger(PROJECT / "config", home=tmp_path).tag(Article(title="Xã họp bàn việc trồng sen"))
    install(model, tmp_path)
    after = Tagger(PROJECT / "config", home=tmp_path)
    assert not after.is_current(before)
    assert after.is_current(after.retag(before))
    changed = {name for name, version in after.versions.items() if before.steps.get(name) != version}
    assert changed == {"topics.model", "sentiment.model", "critical_of.model"}
    install(model, tmp_path)
    assert Tagger(PROJECT / "config", home=tmp_path).versions == after.versions
    office_path(tmp_path).unlink()
    assert Tagger(PROJECT / "config", home=tmp_path).is_current(before)


def test_corrections_by_chance_change_nothing(
    headlines: list[LabelledHeadline], labels: list[LabelledHeadline], present: HeadlineModel, reviewed: Reviewed
) -> None:
    some = headlines[900:1300]
    drawn = random.Random(1).sample([item.sentiment for item in some], len(some))
    items = corrected_items(given(item, item.sentiment, label) for item, label in zip(some, drawn, strict=True))
    _, verdict = learn(labels, items, reviewed[1], present, SMALL, lambda _: None)
    assert not verdict.promote
    assert "not better than" in verdict.why
    assert verdict.on_labels == {}


def test_a_model_that_knows_less_does_not_take_the_place_of_one_that_knows_more(
    headlines: list[LabelledHeadline], labels: list[LabelledHeadline], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promotion, "SILENT_FOR_EACH", 0.0)
    items = corrected_items(given(item, "neutral", "positive") for item in headlines[900:1400])
    silent = silent_items(given(item, item.sentiment, None) for item in headlines[1500:2000])
    _, verdict = learn(labels, items, silent, train(headlines[:2000], SMALL), SMALL, lambda _: None)
    assert verdict.kept is not None
    assert verdict.kept < promotion.KEPT
    assert not verdict.promote
    assert verdict.on_labels == {}


def test_too_few_corrections_decide_nothing(
    headlines: list[LabelledHeadline], labels: list[LabelledHeadline], present: HeadlineModel
) -> None:
    few = corrected_items(given(item, "neutral", "positive") for item in headlines[900:920])
    model, verdict = learn(labels, few, [], present, SMALL, lambda _: None)
    assert not verdict.promote
    assert "are too few to judge by: 30 are needed, about 100 in all" in verdict.why
    assert model.about["headlines"] > len(labels)
    many = corrected_items(given(item, "neutral", "positive") for item in headlines[900:1100])
    _, verdict = learn(labels, many, [], present, SMALL, lambda _: None)
    assert "0 held-out labels that nobody corrected are too few to judge by" in verdict.why


BETTER, EQUAL, WORSE = Paired(20, 5, 0.004), Paired(6, 4, 0.75), Paired(2, 12, 0.01)
SAME, DROP = Difference(0.8, 0.79, -0.03, 0.01), Difference(0.8, 0.75, -0.07, -0.02)


@pytest.mark.parametrize(
    ("present", "control", "kept", "on_labels", "promoted", "why"),
    [
        (BETTER, BETTER, 0.95, {"sentiment macro-F1": SAME}, True, "better on 20 stories, worse on 5"),
        (EQUAL, BETTER, 1.0, {}, False, "not better than the present model beyond noise: better on 6 stories, worse on 4"),
        (WORSE, BETTER, 1.0, {}, False, "not better than the present model"),
        (BETTER, EQUAL, 1.0, {}, False, "not better than a control that learnt no correction"),
        (BETTER, BETTER, 0.94, {}, False, "it changes 6.0% of what nobody corrected"),
        (BETTER, BETTER, 1.0, {"topics micro-F1": SAME, "sentiment macro-F1": DROP}, False, "sentiment macro-F1 0.800 → 0.750"),
    ],
)
def test_each_ground_is_needed(
    present: Paired, control: Paired, kept: float, on_labels: dict[str, Difference], promoted: bool, why: str
) -> None:
    found, said = decide(present, control, kept, on_labels)
    assert found == promoted
    assert why in said


def test_stories_not_articles_are_counted() -> None:
    assert paired(np.array([1] * 20), ["one"] * 20) == Paired(1, 0, 1.0)
    found = paired(np.array([1] * 9 + [-1]), [str(number) for number in range(10)])
    assert (found.better, found.worse) == (9, 1)
    assert found.p == pytest.approx(0.0215, abs=1e-4)
    assert found.is_better
    assert paired(np.array([0, 0]), ["a", "b"]).p == 1.0


def test_a_loss_on_the_labels_is_seen_and_noise_is_not(labels: list[LabelledHeadline]) -> None:
    truth = targets(labels)
    sentiment, critical = label_columns()
    right = Decided(truth, truth[:, : sentiment.start] > 0, truth[:, sentiment].argmax(axis=1), truth[:, critical].argmax(axis=1))
    broken = Decided(truth, right.topics, np.zeros_like(right.sentiment), right.critical_of)
    found = differences(labels, right, broken)
    assert found["sentiment macro-F1"].is_worse
    assert not found["topics micro-F1"].is_worse
    assert found["topics micro-F1"].with_corrections == found["topics micro-F1"].without == 1.0
    assert not differences(labels, broken, right)["sentiment macro-F1"].is_worse


def test_a_model_of_another_version_never_stops_the_tagging(tmp_path: Path) -> None:
    office_path(tmp_path).parent.mkdir()
    office_path(tmp_path).write_bytes(b"PK not a model")
    used = model_in_use(tmp_path)
    assert used.model is shipped()
    assert "not a model of headlines" in used.problem
    assert model_in_use(None).problem == model_in_use(tmp_path / "empty").problem == ""


def test_the_command_says_why_the_present_model_stays(
    tmp_path: Path, labels: list[LabelledHeadline], monkeypatch: pytest.MonkeyPatch
) -> None:
    import nlp.models.training as training

    real = training.train
    monkeypatch.setattr(promotion, "train", lambda found, _, about, progress: real(found, SMALL, about, progress))
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(vars(item)) + "\n" for item in labels[:300]), encoding="utf-8")
    settings = Settings(tmp_path, PROJECT / "config", "sqlite", f"sqlite:///{tmp_path / 'state.sqlite'}")
    result = CliRunner().invoke(models, ["train", "--labels", str(file), "--json"], obj=settings, catch_exceptions=False)
    assert result.exit_code == 0
    answer: dict[str, Any] = json.loads(result.stdout)
    assert (answer["promoted"], answer["model"], answer["headlines"]) == (False, None, 300)
    assert answer["verdict"]["corrections"] == {"given": 0, "held_out": 0, "trained_on": 0, "silent_held_out": 0}
    assert "too few to judge by" in result.stderr
    assert not office_path(tmp_path).exists()


def test_items_have_the_shape_that_training_takes(headlines: list[LabelledHeadline]) -> None:
    items: list[CorrectedItem] = corrected_items(given(item, "neutral", "negative") for item in headlines[:5])
    assert {type(item.labels) for item in items} == {LabelledHeadline}
    assert targets([item.labels for item in items]).shape[0] == 5
