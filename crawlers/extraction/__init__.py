"""From a page to an Article, as a pure function: `extract(html, url, source, content_type)`; several pages of one: `join`."""

from crawlers.extraction.article import MIN_BODY, Extracted, extract, join
from crawlers.extraction.kinds import PageKind

__all__ = ["MIN_BODY", "Extracted", "PageKind", "extract", "join"]
