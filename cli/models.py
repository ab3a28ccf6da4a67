"""`diembao models`: train the models of topics, sentiment and criticism, and measure them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.output import emit, json_option, say

_labels_option = click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labelled headlines: JSON lines (.gz: compressed) instead of those that the project ships.",
)


@click.group()
def models() -> None:
    """The models of topics, sentiment and who is criticised."""


@models.command()
@_labels_option
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it; without: replaces the shipped model.")
@json_option
def train(labels: Path | None, output: Path | None, as_json: bool) -> None:
    """Train from labelled headlines and write the model.

    Takes some minutes. The figures that are printed come from headlines of outlets that the respective fit had not seen.
    """
    from nlp.models.model import shipped_path
    from nlp.models.training import train as fit

    headlines, name = _headlines(labels)
    say(f"Training on {len(headlines)} headlines of {name}; this takes some minutes")
    model = fit(headlines, about={"labels": name}, progress=say)
    path = output or shipped_path()
    model.save(path)
    if as_json:
        emit({"model": str(path), "bytes": path.stat().st_size, **model.about})
        return
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB, from {len(headlines)} headlines")
    for figure, value in model.about["figures"].items():
        click.echo(f"  {figure:36} {value:.3f}")


@models.command()
@_labels_option
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
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="How many work side by side.")
@json_option
def evaluate(
    labels: Path | None,
    folds: int,
    years: str,
    no_years: bool,
    baselines: bool,
    curve: bool,
    second_pass: Path | None,
    processes: int,
    as_json: bool,
) -> None:
    """Measure on outlets, and on years, that were not trained on, beside plain baselines.

    Every figure has a 95 % confidence interval (bootstrap over outlets). Trains anew for every split: the shipped labels take minutes, all
    of them a quarter of an hour.
    """
    from nlp.models import evaluation
    from nlp.models.baselines import BASELINES
    from nlp.models.labels import read_second_pass
    from nlp.models.splits import periods

    headlines, name = _headlines(labels)
    second = read_second_pass(second_pass) if second_pass else {}
    outlets = evaluation.outlet_splits(headlines, folds)
    left_out = [] if no_years else evaluation.period_splits(headlines, periods(years))
    methods = [*(BASELINES if baselines else ()), evaluation.OURS]
    curves = {share: evaluation.smaller(headlines, outlets, share) for share in ((1 / 8, 1 / 4, 1 / 2) if curve else ())}
    wanted = [(method, split) for method in methods for split in (*outlets, *left_out)]
    wanted += [(evaluation.OURS, split) for splits in curves.values() for split in splits]
    decided = iter(evaluation.decisions(headlines, wanted, processes=processes, progress=say))
    result: dict[str, Any] = {
        "labels": name,
        "headlines": len(headlines),
        "outlets": {},
        "periods": {},
        "years": {},
        "agreed": {},
        "curve": {},
    }

    def rows_of(places: Any) -> list[Any]:
        return [headlines[place] for place in places]

    for method in methods:
        rows, ours = evaluation.together(outlets, [next(decided) for _ in outlets])
        result["outlets"][method] = _figures(evaluation.figures(headlines, ours))
        if second:
            result["agreed"].setdefault("all", {})[method] = _figures(evaluation.agreed_figures(headlines, ours, second))
        for split in evaluation.period_splits(headlines, periods(years)):
            part, of_part = rows_of(split.unseen), ours.of(split.unseen)
            result["periods"].setdefault(split.name, {})[method] = _figures(evaluation.figures(part, of_part))
            if second:
                result["agreed"].setdefault(split.name, {})[method] = _figures(evaluation.agreed_figures(part, of_part, second))
        for split in left_out:
            part, of_part = rows_of(split.unseen), next(decided)
            result["years"].setdefault(split.name, {})[method] = _figures(evaluation.figures(part, of_part))
            if second:
                agreed = _figures(evaluation.agreed_figures(part, of_part, second))
                result["agreed"].setdefault(f"without {split.name}", {})[method] = agreed
        if method == evaluation.OURS:
            result["topics"] = evaluation.topic_table(headlines, ours)
            result["abstention"] = evaluation.abstention(headlines, ours, (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3))
    for share, splits in curves.items():
        rows, less = evaluation.together(splits, [next(decided) for _ in splits])
        result["curve"][f"{share:g} of the outlets"] = _figures(evaluation.figures(rows_of(rows), less, resamples=0))
    if curve:
        result["curve"]["all outlets"] = result["outlets"][evaluation.OURS]
    if second:
        result["agreement"] = evaluation.agreement(headlines, second)
    if as_json:
        emit(result)
        return
    _print_evaluation(result)


def _headlines(labels: Path | None) -> tuple[Any, str]:
    from nlp.models.labels import SHIPPED, read_headlines, shipped_headlines

    return (shipped_headlines(), SHIPPED) if labels is None else (read_headlines(labels), labels.name)


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
