"""What the help beside the search box shows: every field and operator of the query language, each with a query that runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from web.searching.addresses import day_parameter


@dataclass(frozen=True)
class Example:
    """A query, and the key of the text that says what it finds."""

    query: str
    key: str


@dataclass(frozen=True)
class Chapter:
    """Examples of one kind under the text `key`."""

    key: str
    examples: tuple[Example, ...]


def chapters(now: datetime, province: str) -> list[Chapter]:
    """The help.

    Args:
        now: aware; the examples ask for days around it.
        province: the office's, so that the examples find something.
    """
    today, yesterday, month = (day_parameter(now - timedelta(days=days)) for days in (0, 1, 30))
    return [
        Chapter(
            "help.words_title",
            (
                Example("lũ lụt", "help.words"),
                Example('"cấp phép khai thác cát"', "help.phrase"),
                Example('"sạt lở sông"~5', "help.near"),
                Example("lu lut", "help.folded"),
                Example("bệnh*", "help.begins"),
                Example("b?nh", "help.letter"),
                Example("UBND", "help.abbreviation"),
                Example('syn:"sạt lở"', "help.synonyms"),
                Example("*", "help.everything"),
            ),
        ),
        Chapter(
            "help.logic_title",
            (
                Example("lũ OR bão", "help.or"),
                Example("lũ AND bão", "help.and"),
                Example("lũ NOT diễn tập", "help.not"),
                Example("+lũ -bão", "help.minus"),
                Example("(lũ OR bão) thiệt hại", "help.group"),
            ),
        ),
        Chapter(
            "help.fields_title",
            (
                Example('title:"bệnh viện"', "help.title_field"),
                Example("lead:(khởi công OR khánh thành)", "help.lead_field"),
                Example('body:"người dân"', "help.body_field"),
                Example('author:"Minh Tâm"', "help.author_field"),
                Example('section:"Xã hội"', "help.section_field"),
                Example("tag:lũ", "help.tag_field"),
            ),
        ),
        Chapter(
            "help.labels_title",
            (
                Example("topic:health", "help.topic_field"),
                Example("sentiment:negative", "help.sentiment_field"),
                Example("critical_of:authority", "help.critical_field"),
                Example(f'place:"{province}"', "help.place_field"),
                Example("source:(vnexpress OR tuoitre)", "help.source_field"),
                Example("kind:portal", "help.kind_field"),
                Example("page_kind:gallery", "help.page_kind_field"),
            ),
        ),
        Chapter(
            "help.dates_title",
            (
                Example(f"published_at:{today}", "help.day"),
                Example(f"published_at:[{month} TO {yesterday}]", "help.dates"),
                Example(f"published_at:>={yesterday}", "help.from_day"),
                Example(f"published_at:{today[:7]}", "help.month"),
                Example(f'first_seen_at:>"{yesterday}T17:00"', "help.seen_field"),
                Example(f"modified_at:>={yesterday}", "help.modified_field"),
                Example(f"fetched_at:{today}", "help.fetched_field"),
            ),
        ),
        Chapter(
            "help.links_title",
            (
                Example("story:*", "help.story_field"),
                Example("-copy_of:*", "help.copy_field"),
                Example('url:"https://vnexpress.net/"', "help.url_field"),
                Example('id:"0"', "help.id_field"),
                Example("-author:*", "help.exists"),
            ),
        ),
    ]
