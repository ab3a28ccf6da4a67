"""`diembao dashboards`: the dashboards for Kibana, as a file or straight into it."""

from __future__ import annotations

from pathlib import Path

import click

from cli.output import emit, json_option, say
from diembao.errors import DiembaoError
from diembao.settings import Settings

_INDEX_HELP = "The alias that Kibana reads. Default: that of DIEMBAO_INDEX, or diembao-articles."
_DESK_HELP = "Address of our staff page, for links to articles and searches: https://diembao.example.vn"
_kibana_option = click.option(
    "--kibana", required=True, envvar="DIEMBAO_KIBANA", metavar="URL",
    help="https://user:password@host:5601[/s/SPACE][?ca=FILE]. Also from the environment: DIEMBAO_KIBANA.",
)  # fmt: skip


@click.group()
def dashboards() -> None:
    """Dashboards for Kibana 9: the daily picture, each field, and collecting, in Vietnamese and English."""


@dashboards.command()
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write (NDJSON).")
@click.option("--index", help=_INDEX_HELP)
@click.option("--desk", default="", help=_DESK_HELP)
@json_option
@click.pass_obj
def build(settings: Settings, out: Path, index: str | None, desk: str, as_json: bool) -> None:
    """Write the saved objects into FILE, for Kibana's page Stack Management > Saved Objects > Import."""
    text = _ndjson(settings, index, desk)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DiembaoError(f"{out} cannot be written: {error.strerror}", "Name another file") from error
    count = text.count("\n")
    if as_json:
        emit({"file": str(out), "objects": count})
    else:
        say(f"{count} objects in {out}")


@dashboards.command("import")
@_kibana_option
@click.option("--index", help=_INDEX_HELP)
@click.option("--desk", default="", help=_DESK_HELP)
@json_option
@click.pass_obj
def import_(settings: Settings, kibana: str, index: str | None, desk: str, as_json: bool) -> None:
    """Put the dashboards into a Kibana; what an earlier import brought is replaced."""
    from dashboards.kibana import import_objects, kibana_at

    place = kibana_at(kibana)
    count = import_objects(place, _ndjson(settings, index, desk))
    if as_json:
        emit({"kibana": place.address, "objects": count})
    else:
        say(f"{count} objects in {place.address}")


@dashboards.command()
@_kibana_option
@click.option("--space", default="diembao", show_default=True, help="Id of the space to make for staff.")
@click.option("--index", help=_INDEX_HELP)
@json_option
@click.pass_obj
def access(settings: Settings, kibana: str, space: str, index: str | None, as_json: bool) -> None:
    """Make a space for staff, and a role that reads there and nowhere else; may be repeated."""
    from dashboards.kibana import give_access, kibana_at
    from dashboards.saved_objects import read_alias_of

    place = kibana_at(kibana)
    given = give_access(place, index or read_alias_of(settings), space)
    if as_json:
        emit({"kibana": place.address, "space": given.space, "role": given.role})
    else:
        say(f"space {given.space} and role {given.role} in {place.address}; import the dashboards into {place.address}/s/{given.space}")


def _ndjson(settings: Settings, index: str | None, desk: str) -> str:
    from dashboards.saved_objects import read_alias_of, saved_objects, to_ndjson
    from dashboards.structure import check_structure

    objects = saved_objects(index or read_alias_of(settings), settings.taxonomy, desk)
    check_structure(objects)
    return to_ndjson(objects)
