"""What staff say of an article instead of the models: the forms of the values, and what becomes of an article by them.

A correction names one field of an Article and its value, as JSON:

| field | value |
|---|---|
| `topics` | list of topic codes; empty: none |
| `sentiment`, `critical_of` | the label |
| `places` | list of Places; empty: none |
| `copy_of` | `{"is": id}`: a copy of that article; `{"not": id}`: no copy of that one; null: no copy of any |
| `story_id` | `{"with": id}`: on the event of that article; null: on an event of its own |
| `relevant` | true or false |

Copies and stories name another *article*, not a group: when groups are joined or get an earlier origin, the correction goes along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from diembao.article import Article, CriticalOfLabel, Moment, Place, SentimentLabel
from diembao.errors import InputError, UsageError
from diembao.taxonomy import Taxonomy

FIELDS = ("topics", "sentiment", "critical_of", "places", "copy_of", "story_id", "relevant")
"""What can be corrected, by the name of the Article's field."""

_LABELS = {"sentiment": get_args(SentimentLabel), "critical_of": get_args(CriticalOfLabel)}
_LINKS = ("copy_of", "similarity", "story_id")

Refer = Callable[[str], Article | None]
"""Gives the article with an id as it stands, or None."""


class Correction(BaseModel):
    """One row of the history.

    Attributes:
        key: names it.
        article_id: whose field.
        field: one of FIELDS.
        value: see the module; of a row that takes another back, the value that is taken back.
        old_value: what the article said before, in the same form.
        given_by: who; free text, may be empty.
        given_at: when, aware UTC.
        note: why; free text.
        undoes: key of the correction that this row takes back; None for a correction.
        in_force: whether it decides the field now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = ""
    article_id: str
    field: str
    value: Any
    old_value: Any = None
    given_by: str = ""
    given_at: Moment
    note: str = ""
    undoes: str | None = None
    in_force: bool = False


def read_value(field: str, text: str, taxonomy: Taxonomy, place: Callable[[str], Place]) -> Any:
    """The value that a person wrote.

    Args:
        field: one of FIELDS.
        text: `topics`: codes with commas between, or "none"; `sentiment`, `critical_of`: the label; `places`: names or codes with
            semicolons between, or "none"; `copy_of`: an article's id, "not:" and an id, or "none"; `story_id`: the id of an article on
            the same event, or "apart"; `relevant`: "yes" or "no".
        taxonomy: the office's topics.
        place: finds the place with a name or code; raises UsageError.

    Raises:
        UsageError: when the field or the value is not known; says which are.
    """
    given = text.strip()
    if field == "topics":
        value: Any = [] if given in ("", "none") else list(dict.fromkeys(part.strip() for part in given.split(",") if part.strip()))
    elif field == "places":
        value = [] if given in ("", "none") else [place(part.strip()).model_dump(mode="json") for part in given.split(";") if part.strip()]
    elif field == "copy_of":
        value = None if given == "none" else {"not": given[4:].strip()} if given.startswith("not:") else {"is": given}
    elif field == "story_id":
        value = None if given == "apart" else {"with": given}
    elif field == "relevant":
        if given not in ("yes", "no"):
            raise UsageError(f"{text!r} is no value of relevant", "Write yes or no")
        value = given == "yes"
    else:
        value = given
    return checked(field, value, taxonomy)


def checked(field: str, value: Any, taxonomy: Taxonomy) -> Any:
    """`value` when `field` may have it.

    Raises:
        UsageError: otherwise; says what it may be.
    """
    if field not in FIELDS:
        raise UsageError(f"{field!r} cannot be corrected", f"Fields: {', '.join(FIELDS)}")
    if field in _LABELS:
        if value not in _LABELS[field]:
            raise UsageError(f"{value!r} is no value of {field}", f"Values: {', '.join(_LABELS[field])}")
    elif field == "topics":
        codes = value if isinstance(value, list) else [value]
        if unknown := [code for code in codes if not isinstance(code, str) or code not in taxonomy.topics]:
            raise UsageError(f"{unknown[0]!r} is no topic", f"Topics: {', '.join(taxonomy.topics)}; or none")
        if not isinstance(value, list):
            raise UsageError("topics must be a list of codes", f"Topics: {', '.join(taxonomy.topics)}")
    elif field == "places":
        if not isinstance(value, list):
            raise UsageError("places must be a list of places", "Name them, or write none")
        try:
            return [Place.model_validate(entry).model_dump(mode="json") for entry in value]
        except ValidationError as error:
            raise UsageError(f"a place cannot be read: {error.errors()[0]['msg']}", "See Place in docs/fields.md") from error
    elif field == "relevant":
        if not isinstance(value, bool):
            raise UsageError(f"{value!r} is no value of relevant", "Values: true, false")
    elif value is not None:
        verbs = {"copy_of": ("is", "not"), "story_id": ("with",)}[field]
        if not isinstance(value, Mapping) or len(value) != 1 or not (value.keys() <= set(verbs)):
            raise UsageError(f"{value!r} is no value of {field}", f"It is null or an object with {' or '.join(verbs)}")
        if not isinstance(other := next(iter(value.values())), str) or not other:
            raise UsageError(f"{field} needs the id of another article", "An id stands in the address of an article's page")
    return value


def reference_of(field: str, value: Any) -> str | None:
    """The id of the other article that a value names, or None."""
    return str(next(iter(value.values()))) if field in ("copy_of", "story_id") and value else None


def value_of(article: Article, field: str) -> Any:
    """What `article` says of `field`, in the form of a correction's value."""
    if field == "topics":
        return [topic.code for topic in article.topics]
    if field in _LABELS:
        found = getattr(article, field)
        return found.label if found else None
    if field == "places":
        return [place.model_dump(mode="json") for place in article.places]
    if field == "copy_of":
        return {"is": article.copy_of} if article.copy_of else None
    if field == "story_id":
        return {"with": article.story_id} if article.story_id and article.story_id != article.id else None
    return article.relevant


def as_text(field: str, value: Any) -> str:
    """A value on one line, as `read_value` reads it; places by their names.

    >>> as_text("copy_of", {"not": "ab"}), as_text("topics", []), as_text("relevant", False)
    ('not:ab', 'none', 'no')
    """
    if field == "topics":
        return ",".join(value or []) or "none"
    if field == "places":
        return "; ".join(place["name"] for place in value or []) or "none"
    if field == "copy_of":
        return "none" if not value else f"not:{value['not']}" if "not" in value else str(value["is"])
    if field == "story_id":
        return str(value["with"]) if value else "apart"
    if field == "relevant":
        return "yes" if value else "no"
    return str(value or "")


def apart(article_id: str) -> str:
    """The story of an article that staff set apart: not its own id, which may name the story that it was taken from."""
    return f"{article_id}-apart"


def corrected(article: Article, values: Mapping[str, Any], refer: Refer) -> Article:
    """`article` with `values` in force, whatever it says itself; what it said is kept in `uncorrected`.

    An article that was corrected before gets back what is not corrected any more. Twice changes nothing.

    Args:
        article: fresh from models and linking, or as it is indexed (then linking may have given it other links since).
        values: by field, see the module.
        refer: finds the articles that values name.
    """
    if not values and not article.corrected:
        return article
    record = article.to_record()
    said = record | article.uncorrected
    wanted: dict[str, Any] = {}
    for field in FIELDS:
        if field in values:
            wanted |= _wanted(article.id, field, values[field], said, refer)
    for name in _LINKS:  # an indexed article that was linked anew has another link than its correction gave it
        if name in article.uncorrected and name in wanted and record[name] != wanted[name]:
            said[name] = record[name]
    return Article.model_validate(
        {
            **said,
            **wanted,
            "corrected": [field for field in FIELDS if field in values],
            "uncorrected": {name: said[name] for name in wanted},
        }
    )


def uncorrected(article: Article) -> Article:
    """`article` as models and linking alone would have it."""
    if not article.corrected:
        return article
    return Article.model_validate({**article.to_record(), **article.uncorrected, "corrected": [], "uncorrected": {}})


def _wanted(article_id: str, field: str, value: Any, said: Mapping[str, Any], refer: Refer) -> dict[str, Any]:
    if field == "topics":
        return {"topics": [{"code": code, "score": 1.0} for code in value]}
    if field in _LABELS:
        before = said[field] or {}
        sentences = before.get("sentences", []) if before.get("label") == value else []
        return {field: {"label": value, "scores": {}, "confident": True, "sentences": sentences}}
    if field == "copy_of":
        return _copy(article_id, value, said, refer)
    if field == "story_id":
        other = refer(value["with"]) if value else None
        return {"story_id": ((other and other.story_id) or value["with"]) if value else apart(article_id)}
    return {field: value}


def _copy(article_id: str, value: Any, said: Mapping[str, Any], refer: Refer) -> dict[str, Any]:
    none = {"copy_of": None, "similarity": None}
    if value is None:
        return none
    if "not" in value:
        other = refer(value["not"])
        is_that_one = said["copy_of"] in (value["not"], other.copy_of if other else value["not"])
        return none if is_that_one else {"copy_of": said["copy_of"], "similarity": said["similarity"]}
    other = refer(value["is"])
    origin = (other and other.copy_of) or value["is"]
    if origin == article_id:
        return none
    first = refer(origin)
    similarity = said["similarity"] if said["copy_of"] == origin else None
    return {"copy_of": origin, "similarity": similarity, "story_id": (first and first.story_id) or said["story_id"] or origin}


def read_correction(record: object, position: str, taxonomy: Taxonomy) -> Correction:
    """The correction of one decoded JSON record, as `diembao corrections export` writes it.

    Raises:
        InputError: when it is none; names the position.
    """
    try:
        found = Correction.model_validate(record)
        checked(found.field, found.value, taxonomy)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{position}: {'.'.join(map(str, first['loc'])) or 'record'}: {first['msg']}", "Mend the line") from error
    except UsageError as error:
        raise InputError(f"{position}: {error.message}", error.hint) from error
    return found
