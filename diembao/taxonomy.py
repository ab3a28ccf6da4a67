"""Topics and fields, as `config/taxonomy.toml` names and groups them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from diembao.engine import IRRELEVANT
from diembao.errors import ConfigError

TOPIC_CODES = (
    "security", "traffic", "digital", "environment", "trade", "culture", "sport", "politics", "health", "education",
    "agriculture", "urban", "finance", "social", "world", "lifestyle", "science",
)  # fmt: skip
"""The topics that the shipped model knows. An office may rename and regroup them, and add its own with the phrases that tell them."""

_CODE = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class Name(BaseModel):
    """A name in the two languages of the interface."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """The English name for "en", the Vietnamese one for anything else."""
        return self.en if language == "en" else self.vi


class Topic(Name):
    """A topic: its names and, of one that the office added, the phrases that tell it.

    Attributes:
        words: phrases, each of one or several syllables; without any only staff assign the topic.
    """

    words: tuple[str, ...] = ()


class Field(BaseModel):
    """A field of the citizens' feedback app: a name and the topics that belong to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    topics: tuple[str, ...]
    department: str = ""


class Taxonomy(BaseModel):
    """Names of the topics, and the fields that group them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topics: dict[str, Topic]
    fields: dict[str, Field]

    def topic_name(self, code: str, language: str = "vi") -> str:
        """The name of topic `code`; the code itself when the office's file does not name it."""
        name = self.topics.get(code)
        return name.in_language(language) if name else code

    def fields_of(self, code: str) -> list[str]:
        """The codes of the fields that topic `code` belongs to; empty when it is in none."""
        return [field for field, entry in self.fields.items() if code in entry.topics]


def read_taxonomy(path: Path) -> Taxonomy:
    """The taxonomy of `path`.

    Raises:
        ConfigError: when the file is missing or wrong, a field names an unknown topic, or a topic of the office's own has a code or
            phrases that cannot be.
    """
    try:
        taxonomy = Taxonomy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "Mend the file, or copy the shipped one") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}", "Mend the entry") from error
    for code, topic in taxonomy.topics.items():
        if wrong := _wrong_with(code, topic):
            raise ConfigError(f"{path}: topic {code!r}: {wrong[0]}", wrong[1])
    for code, field in taxonomy.fields.items():
        if unknown := set(field.topics) - taxonomy.topics.keys():
            raise ConfigError(f"{path}: field {code!r} names unknown topics: {', '.join(sorted(unknown))}", "Name topics of [topics]")
    return taxonomy


def _wrong_with(code: str, topic: Topic) -> tuple[str, str] | None:
    """What is wrong with a topic, and what to do; None when nothing is."""
    if code in TOPIC_CODES:
        if topic.words:
            return "the model decides it, so it takes no words", "Leave them out, or name a topic of your own with another code"
        return None
    if not _CODE.fullmatch(code) or code == IRRELEVANT:
        return "no such code may be", "Use small letters a to z, digits, - and _, a letter first, up to 40, and not 'irrelevant'"
    if empty := [phrase for phrase in topic.words if not any(letter.isalnum() for letter in phrase)]:
        return f"{empty[0]!r} is no phrase", 'Write phrases such as words = ["du lịch", "khách sạn"]'
    return None
