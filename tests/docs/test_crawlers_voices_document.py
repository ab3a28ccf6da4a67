"""docs/voices.md: its entries are entries, and it explains every key."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawlers.voices.voice import voice_of
from diembao.source import Source

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "voices.md").read_text(encoding="utf-8")
ENTRIES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["voice"]["type"])
def test_an_example_is_an_entry_that_is_switched_off(entry: dict[str, object]) -> None:
    source = Source.model_validate({**entry, "id": "vi-du"})
    assert not source.enabled
    voice = voice_of(source, datetime.now(UTC))
    assert voice.ways_in({})


def test_each_voice_has_an_example_and_each_key_is_explained() -> None:
    folder = Path(__file__).resolve().parents[2] / "crawlers" / "voices"
    voices = {path.stem for path in folder.glob("*.py") if "\nVOICE = " in path.read_text(encoding="utf-8")}
    assert {entry["voice"]["type"] for entry in ENTRIES} == voices
    table = "\n".join(line for line in DOCUMENT.splitlines() if line.startswith("|"))
    for entry in ENTRIES:
        voice = voice_of(Source.model_validate({**entry, "id": "vi-du"}), datetime.now(UTC))
        for key in type(voice.options).model_fields:
            assert re.search(rf"^\|[^|]*`{key}`", table, re.MULTILINE), key
