"""From a page to an Article, as a pure function: `extract(html, url, source, content_type)`."""

from crawlers.extraction.article import Extracted, extract

__all__ = ["Extracted", "extract"]
