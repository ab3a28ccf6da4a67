"""The engine of an installation."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Protocol

from diembao.engine import SearchEngine
from diembao.settings import Settings
from index.abbreviations import read_abbreviations
from index.condition import Condition
from index.sqlite_engine import SqliteEngine


class RebuildableEngine(SearchEngine, Protocol):
    """A search engine with what its keeper needs. Every method raises EngineError when it fails."""

    def rebuild(self) -> int:
        """Build the index anew; searches go on meanwhile, and no write is lost. Returns the number of articles."""
        ...

    def maintain(self) -> None:
        """What is due from time to time; quick, and safe to repeat."""
        ...

    def scrub(self) -> bool:
        """Let nothing of deleted articles stay on the disk; takes as long as copying the index. False: somebody still reads it."""
        ...

    def conditions(self) -> list[Condition]:
        """How the parts of the engine are, for `diembao doctor`; changes nothing."""
        ...

    def backup(self, folder: Path, now: datetime) -> str:
        """Copy the index while it is in use, and check the copy.

        Args:
            folder: where the embedded engine's copy goes; must exist.
            now: aware; names what Elasticsearch keeps.

        Returns:
            Where the copy is, for a person.
        """
        ...


ABBREVIATIONS_FILE = "abbreviations_search.toml"
SYNONYMS_FILE = "synonyms.toml"


def open_engine(settings: Settings) -> RebuildableEngine:
    """The engine that `settings.index` names; nothing is created before it is used.

    Raises:
        ConfigError: when the file of abbreviations, that of synonyms or the address is wrong.
    """
    abbreviations = read_abbreviations(settings.config / ABBREVIATIONS_FILE, settings.config / SYNONYMS_FILE)
    if settings.index == "sqlite":
        return SqliteEngine(settings.home / "index.sqlite", abbreviations)
    from index.elasticsearch_engine import ElasticsearchEngine  # slow to import, and not everybody's engine

    return ElasticsearchEngine(settings.index, abbreviations)
