"""`python -m crawlers.discovery URL`: prints what is found at an outlet's address as one JSON object."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import urlsplit

import click
from pydantic import ValidationError
from scrapy.crawler import CrawlerProcess

from crawlers.__main__ import project_settings
from crawlers.spiders.discovery import DiscoverySpider
from diembao.errors import DiembaoError, UsageError
from diembao.settings import Settings, read_settings
from diembao.source import Source


def outlet_at(url: str, delay: float = 1.0) -> Source:
    """A source with nothing but its address and delay (seconds). Raises UsageError when `url` is no http(s) address.

    >>> outlet_at("https://www.bao.vn/tin").domain
    'bao.vn'
    """
    try:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        port = f":{parts.port}" if parts.port else ""
        domain = (parts.hostname or "").removeprefix("www.") + port
        homepage = f"{parts.scheme}://{parts.netloc}/"
        if not domain or "." not in domain:
            raise ValueError("no host name")
        entry = {"id": domain, "name": domain, "domain": domain, "homepage": homepage, "enabled": False, "delay": delay}
        return Source.model_validate(entry)
    except (ValueError, ValidationError) as error:
        raise UsageError(f"{url!r} is not the address of an outlet", "Give one such as https://baodongthap.vn") from error


def discover(settings: Settings, source: Source, overrides: dict[str, str] | None = None) -> dict[str, Any]:
    """What the outlet offers; blocks, once per process. See DiscoverySpider.found."""
    scrapy_settings = project_settings(settings, {"LOG_LEVEL": "ERROR", "ITEM_PIPELINES": "{}", **(overrides or {})})
    process = CrawlerProcess(scrapy_settings)
    crawler = process.create_crawler(DiscoverySpider)
    process.crawl(crawler, source=source)
    process.start()
    spider = crawler.spider
    if not isinstance(spider, DiscoverySpider):
        raise DiembaoError("the search did not start", "Run it again with --set LOG_LEVEL=DEBUG")
    return spider.found


@click.command()
@click.argument("url")
@click.option("--delay", type=click.FloatRange(0, 120), default=1.0, help="Seconds between two requests.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Override a Scrapy setting.")
def main(url: str, delay: float, pairs: tuple[str, ...]) -> None:
    """Look for feeds and sitemaps at URL."""
    overrides = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    click.echo(json.dumps(discover(read_settings(), outlet_at(url, delay), overrides), ensure_ascii=False))


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except DiembaoError as error:
        click.echo(f"discovery: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
