"""One call to a voice: does its entry work, and if not, what is wrong. For `diembao sources check`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from scrapy import Request
from scrapy.http.request import NO_CALLBACK

from crawlers.inspection import Entrance, Inspection
from crawlers.outcomes import fate_of_failure
from crawlers.pages import FetchedPage
from crawlers.voices.texts import VoiceError
from crawlers.voices.voice import key_of, read_answer, voice_of
from diembao.clock import vietnam_day
from diembao.errors import ConfigError
from diembao.source import Source

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

_MAXSIZE = 8 << 20


async def look(crawler: Crawler, source: Source, seen: Inspection, environment: Mapping[str, str], now: datetime) -> None:
    """Ask the first thing that a crawl would ask, and note in `seen` what came of it."""
    try:
        voice = voice_of(source, now)
        key = key_of(voice, environment)
    except ConfigError as error:
        seen.problems.append(str(error))
        return
    ask = voice.ways_in({})[0]
    entrance = Entrance("feed", ask.url, known=True)
    seen.entrances.append(entrance)
    request = Request(
        ask.url,
        callback=NO_CALLBACK,
        headers=voice.headers(key) if key else None,
        dont_filter=True,
        meta={"role": "api" if voice.is_api else "voice", "source": source, "download_maxsize": _MAXSIZE},
    )
    engine = crawler.engine
    assert engine is not None
    try:
        response = await engine.download_async(request)
    except Exception as error:  # noqa: BLE001 - every way in which a download fails has its words
        entrance.problem = fate_of_failure(error)[1]
        return
    refusal = voice.is_unsure(response.body) if response.status == 200 else voice.refusal(ask, response.status, response.body)
    if refusal is not None:
        entrance.problem = refusal.reason.replace(key, "…") if key else refusal.reason
        return
    kind = (response.headers.get("Content-Type") or b"").decode("latin-1")
    page = FetchedPage(urldefrag(response.url)[0], 200, (("Content-Type", kind),), response.body, now, now, source.id)
    try:
        found = read_answer(source, ask, page, {}, now).found
    except VoiceError as error:
        entrance.problem = f"the answer cannot be read: {error}"
        return
    entrance.links = found.links
    newest = max((article.published_at for article in found.articles if article.published_at), default=None)
    entrance.newest = vietnam_day(newest).isoformat() if newest else ""
    if not found.links:
        entrance.problem = "" if source.may_be_empty else "is empty"
