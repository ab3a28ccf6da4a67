"""What the documents say about the command line is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, diembao

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(diembao)
    for name in COMMANDS:
        found.append((name,))
        command = diembao.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(name, sub) for sub in command.list_commands(context)]
    return found


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_has_help_and_json(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(diembao, [*words, "--help"])
    assert result.exit_code == 0, result.output
    command: click.Command | None = diembao
    for word in words:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    assert command.help
    if not isinstance(command, click.Group):
        assert "--json" in result.output


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_commands_named_in_a_document_exist(document: Path) -> None:
    known = set(all_commands())
    for name, sub in re.findall(r"(?<![\w/.-])(?:\.venv/bin/)?diembao ([a-z]+)(?: ([a-z]+)\b)?", _code_of(document)):
        assert (name,) in known, f"{document.name} names `diembao {name}`"
        if any(len(words) == 2 and words[0] == name for words in known) and sub:
            assert (name, sub) in known, f"{document.name} names `diembao {name} {sub}`"


def _code_of(document: Path) -> str:
    text = document.read_text(encoding="utf-8")
    return "\n".join([*re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_wrong_usage_ends_with_2() -> None:
    assert CliRunner().invoke(diembao, ["crawl", "--nosuchoption"]).exit_code == 2
    assert CliRunner().invoke(diembao, ["nosuchcommand"]).exit_code == 2
