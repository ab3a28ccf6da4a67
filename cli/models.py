"""`diembao models`: train the models of topics, sentiment and criticism, and measure them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.output import emit, json_option, say
from diembao.settings import Settings

if TYPE_CHECKING:
    from diembao.article import Article
    from nlp.models.labels import LabelledHeadline
    from nlp.models.model import HeadlineModel
    from nlp.models.training import Unlabelled

_labels_option = click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labelled headlines: JSON lines (.gz: compressed) instead of those that the project ships.",
)


_articles_option = click.option(
    "--articles",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Articles without labels to learn from too: JSON lines with id, title, lead, body (.gz: compressed).",
)


@click.group()
def models() -> None:
    """The models of topics, sentiment and who is criticised."""


@models.command()
@_labels_option
@_articles_option
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a model of the labels alone to this file, whatever it is worth.",
)
@json_option
@click.pass_obj
def train(settings: Settings, labels: Path | None, articles: Path | None, output: Path | None, as_json: bool) -> None:
    """Train from labelled headlines and from the corrections that staff gave, and use the new model if it is better.

    A share of the corrections is held out. The new model becomes the office's own (in DIEMBAO_HOME) when it has more of them right than
    the present one, beyond noise, and is not worse on the labels; otherwise it says why not and everything stays. `diembao retag` then
    brings it to what is indexed. Takes some minutes. The figures come from headlines of outlets that the respective fit had not seen.
    """
    from nlp.models.training import train as fit

    headlines, name, unlabelled = _headlines(labels, articles)
    if output is not None:
        say(f"Training on {len(headlines)} headlines of {name}; this takes some minutes")
        model = fit(headlines, about={"labels": name}, progress=say, unlabelled=unlabelled)
        model.save(output)
        _tell_model(model, {"model": str(output), "bytes": output.stat().st_size}, as_json)
        return
    from nlp.models.office import install, model_in_use
    from nlp.models.promotion import corrected_items, learn, silent_items

    corrected, latest = _articles(settings)
    items, silent = corrected_items(corrected), silent_items(latest)
    model, verdict = learn(headlines, items, silent, model_in_use(settings.home).model, progress=say, about={"labels": name})
    path = install(model, settings.home) if verdict.promote else None
    written = {"model": str(path), "bytes": path.stat().st_size} if path else {"model": None}
    _tell_model(model, written | {"promoted": verdict.promote, "why": verdict.why, "verdict": verdict.to_record()}, as_json)
    if path:
        say(f"The new model is in use: {verdict.why}. Run `diembao retag` to bring it to what is indexed")
    else:
        say(f"The present model stays: {verdict.why}")


_LATEST = 3000
"""Of so many of the latest articles those that nobody corrected are learnt from too."""


def _articles(settings: Settings) -> tuple[list[Article], list[Article]]:
    """The indexed articles with corrections in force, and the latest ones; each text once."""
    from diembao.engine import SearchRequest
    from diembao.state import State
    from index import open_engine
    from index.corrections import history
    from index.feedback import BY_SOURCE

    engine, state = open_engine(settings), State(settings.database)
    try:
        engine.prepare()
        with state.session() as session:
            ids = dict.fromkeys(row.article_id for row in history(session) if row.in_force and not row.given_by.startswith(BY_SOURCE))
        corrected = [article for article_id in ids if (article := engine.get(article_id)) is not None]
        latest: list[Article] = []
        request = SearchRequest(sort="time", limit=1000, facets=False, highlight=False)
        while corrected and len(latest) < _LATEST:
            result = engine.search(request)
            latest += [hit.article for hit in result.hits]
            if result.cursor is None:
                break
            request = replace(request, after=result.cursor)
        return corrected, latest
    finally:
        engine.close()
        state.close()


def _tell_model(model: HeadlineModel, written: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit({**written, **model.about})
        return
    if written["model"]:
        click.echo(f"{written['model']}: {written['bytes'] / 1e6:.1f} MB")
    click.echo(f"Trained on {model.about['headlines']} headlines")
    for figure, value in model.about["figures"].items():
        click.echo(f"  {figure:36} {value:.3f}")
    if verdict := written.get("verdict"):
        corrections = verdict["corrections"]
        click.echo(f"Corrections: {corrections['given']}, of them {corrections['held_out']} held out")
        if verdict["kept"] is not None:
            click.echo(f"  {'left as they are':36} {verdict['kept']:.1%} of the sure labels that nobody corrected")
        for name, share in verdict["right"].items():
            click.echo(f"  {name:36} {share:.1%} of the held-out ones right")
        for name, change in verdict["on_labels"].items():
            values = f"{change['without']:.3f} → {change['with_corrections']:.3f}  [{change['low']:+.3f}, {change['high']:+.3f}]"
            click.echo(f"  {name:36} {values}")


@models.command()
@_labels_option
@_articles_option
@click.option("--folds", type=click.IntRange(2, 20), default=4, show_default=True, help="Parts into which the outlets are split.")
@click.option("--years", default="2017,2021,2024-2026", show_default=True, help="Years, or spans of years, to leave out in turn.")
@click.option("--no-years", is_flag=True, help="Leave out no year.")
@click.option("--baselines/--no-baselines", default=True, help="Also measure the plain baselines.")
@click.option("--curve/--no-curve", default=True, help="Also measure with a half, a quarter and an eighth of the outlets.")
@click.option(
    "--second-pass",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labels of another pass (JSON lines: id, sentiment, critical_of, topics): also measure where both agree.",
)
@click.option(
    "--inner-folds", type=click.IntRange(2, 20), default=3, show_default=True, help="Parts for the second stage, within each split."
)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="How many work side by side.")
@json_option
def evaluate(
    labels: Path | None,
    articles: Path | None,
    folds: int,
    years: str,
    no_years: bool,
    baselines: bool,
    curve: bool,
    second_pass: Path | None,
    inner_folds: int,
    processes: int,
    as_json: bool,
) -> None:
    """Measure on outlets, and on years, that were not trained on, beside plain baselines.

    Every figure has a 95 % confidence interval (bootstrap over outlets). Trains anew for every split: the shipped labels take minutes, all
    of them a quarter of an hour.
    """
    import numpy as np

    from nlp.models import evaluation
    from nlp.models.baselines import BASELINES
    from nlp.models.labels import read_second_pass
    from nlp.models.splits import periods
    from nlp.models.training import Recipe

    headlines, name, unlabelled = _headlines(labels, articles)
    second = read_second_pass(second_pass) if second_pass else {}
    outlets = evaluation.outlet_splits(headlines, folds)
    spans = periods(years)
    left_out = [] if no_years else evaluation.period_splits(headlines, spans)
    methods = [*(BASELINES if baselines else ()), evaluation.OURS]
    curves = {share: evaluation.smaller(headlines, outlets, share) for share in ((1 / 8, 1 / 4, 1 / 2) if curve else ())}
    wanted = [(method, split) for method in methods for split in (*outlets, *left_out)]
    wanted += [(evaluation.OURS, split) for splits in curves.values() for split in splits]
    recipe = Recipe(folds=inner_folds)
    decided = iter(evaluation.decisions(headlines, wanted, recipe, unlabelled, processes, say))
    judged = evaluation.judged(headlines)
    result: dict[str, Any] = {
        "labels": name, "headlines": int(judged.sum()), "outlets": {}, "periods": {}, "years": {}, "agreed": {}, "curve": {},
    }  # fmt: skip

    def told(part: str, method: str, rows: Any, by: Any) -> None:
        some = [headlines[place] for place in rows]
        group = "years" if part.startswith("without ") else "periods" if part else "outlets"
        place = result[group].setdefault(part.removeprefix("without "), {}) if part else result[group]
        place[method] = _figures(evaluation.figures(some, by))
        if second and (agreed := evaluation.agreed_figures(some, by, second)):
            result["agreed"].setdefault(part or "all", {})[method] = _figures(agreed)

    for method in methods:
        rows, ours = evaluation.together(outlets, [next(decided) for _ in outlets])
        told("", method, rows, ours)
        for split in evaluation.period_splits(headlines, spans):
            places = np.flatnonzero(np.isin(rows, split.unseen))
            told(split.name, method, rows[places], ours.of(places))
        for split in left_out:
            told(f"without {split.name}", method, split.unseen, next(decided))
        if method == evaluation.OURS:
            some = [headlines[place] for place in rows]
            result["topics"] = evaluation.topic_table(some, ours)
            result["abstention"] = evaluation.abstention(some, ours, (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3))
    for share, splits in curves.items():
        rows, less = evaluation.together(splits, [next(decided) for _ in splits])
        some = [headlines[place] for place in rows]
        result["curve"][f"{share:g} of the outlets"] = _figures(evaluation.figures(some, less, resamples=0))
    if curve:
        result["curve"]["all outlets"] = result["outlets"][evaluation.OURS]
    if second:
        result["agreement"] = evaluation.agreement(headlines, second)
    if as_json:
        emit(result)
        return
    _print_evaluation(result)


def _headlines(labels: Path | None, articles: Path | None) -> tuple[list[LabelledHeadline], str, Unlabelled | None]:
    from nlp.models.labels import SHIPPED, read_articles, read_headlines, shipped_headlines, with_articles
    from nlp.models.training import Unlabelled

    headlines, name = (shipped_headlines(), SHIPPED) if labels is None else (read_headlines(labels), labels.name)
    if articles is None:
        return headlines, name, None
    headlines, rest = with_articles(headlines, read_articles(articles))
    return headlines, f"{name}, {articles.name}", Unlabelled(tuple(rest))


def _figures(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {name: {end: round(value, 4) for end, value in vars(figure).items()} for name, figure in found.items()}


def _print_evaluation(result: dict[str, Any]) -> None:
    click.echo(f"{result['labels']}: {result['headlines']} headlines\n")
    _print_figures("Outlets not trained on", result["outlets"])
    for name, methods in result["periods"].items():
        _print_figures(f"Outlets not trained on, headlines of {name}", methods)
    for name, methods in result["years"].items():
        _print_figures(f"{name} not trained on", methods)
    for name, methods in result["agreed"].items():
        _print_figures(f"Where both passes agree, {name}", methods)
    for name, value in result.get("agreement", {}).items():
        click.echo(f"Agreement of the passes, {name}: {value:.3g}")
    _print_figures("Learning curve", result["curve"])
    click.echo("| topic | headlines | precision | recall | F1 |\n|---|---|---|---|---|")
    for row in result["topics"]:
        click.echo(f"| {row['topic']} | {row['headlines']} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} |")
    click.echo("\n| decides, surest first | sentiment right | critical_of right |\n|---|---|---|")
    for row in result["abstention"]:
        click.echo(f"| {row['coverage']:.0%} | {row['sentiment']:.1%} | {row['critical_of']:.1%} |")


def _print_figures(title: str, methods: dict[str, dict[str, dict[str, float]]]) -> None:
    if not methods or not any(methods.values()):
        return
    click.echo(f"{title}\n\n| figure | {' | '.join(methods)} |\n|---{'|---' * len(methods)}|")
    for figure in next(iter(methods.values())):
        cells = [f"{found['value']:.3f} [{found['low']:.3f}, {found['high']:.3f}]" for found in (each[figure] for each in methods.values())]
        click.echo(f"| {figure} | {' | '.join(cells)} |")
    click.echo()
