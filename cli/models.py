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
@click.option("--years/--no-years", default=True, help="Also leave out each year in turn.")
@click.option("--baselines/--no-baselines", default=True, help="Also measure the plain baselines.")
@json_option
def evaluate(labels: Path | None, folds: int, years: bool, baselines: bool, as_json: bool) -> None:
    """Measure on outlets, and on years, that were not trained on, beside plain baselines.

    Every figure has a 95 % confidence interval. Trains anew for every split: the shipped labels take minutes, all of them longer.
    """
    from nlp.models.evaluation import METHODS, abstention, by_outlet, by_year, figures, ours, topic_table
    from nlp.models.training import Recipe

    headlines, name = _headlines(labels)
    methods = (METHODS if baselines else {}) | {"diembao": ours(Recipe())}
    result: dict[str, Any] = {"labels": name, "headlines": len(headlines), "outlets": {}, "years": {}}
    for method_name, method in methods.items():
        say(f"{method_name}: outlets not trained on, {folds} parts")
        decided = by_outlet(headlines, method, folds)
        found = figures(headlines, decided)
        result["outlets"][method_name] = {figure: vars(value) for figure, value in found.items()}
        if not as_json:
            _print(f"{method_name}, outlets not trained on ({len(headlines)} headlines)", found)
        if method_name == "diembao":
            result["topics"] = topic_table(headlines, decided)
            result["abstention"] = abstention(headlines, decided, (0.0, 0.5, 0.6, 0.7, 0.8, 0.9))
            if not as_json:
                _print_tables(result)
        if years and method_name != "majority":
            for year, left_out, of_year in by_year(headlines, method):
                found = figures(left_out, of_year)
                result["years"].setdefault(str(year), {})[method_name] = {figure: vars(value) for figure, value in found.items()}
                if not as_json:
                    _print(f"{method_name}, year {year} not trained on ({len(left_out)} headlines)", found)
    if as_json:
        emit(result)


def _headlines(labels: Path | None) -> tuple[Any, str]:
    from nlp.models.labels import SHIPPED, read_headlines, shipped_headlines

    return (shipped_headlines(), SHIPPED) if labels is None else (read_headlines(labels), labels.name)


def _print(title: str, found: dict[str, Any]) -> None:
    click.echo(title)
    for name, value in found.items():
        click.echo(f"  {name:36} {value}")


def _print_tables(result: dict[str, Any]) -> None:
    click.echo(f"  {'topic':12} {'headlines':>9} {'precision':>9} {'recall':>7} {'F1':>6}")
    for row in result["topics"]:
        click.echo(f"  {row['topic']:12} {row['headlines']:9} {row['precision']:9.3f} {row['recall']:7.3f} {row['f1']:6.3f}")
    click.echo("  sentiment, abstaining below:")
    for row in result["abstention"]:
        click.echo(f"  {row['threshold']:12} decides {row['coverage']:.1%}, right in {row['accuracy']:.1%}")
