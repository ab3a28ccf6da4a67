"""Settings of the Scrapy project. Each one says why it is what it is; what depends on the office or a source is set in the run.

What an office edits stands in `office.toml` (user agent's contact, private addresses) and in `sources/*.toml` (delays).
`python -m crawlers --set NAME=VALUE` overrides one for a single run.
"""

from __future__ import annotations

import os

BOT_NAME = "diembao"
SPIDER_MODULES = ["crawlers.spiders"]
NEWSPIDER_MODULE = "crawlers.spiders"

# asyncio: middlewares and callbacks wait with plain `await asyncio.sleep`, without blocking other hosts.
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
# Every name and every literal address is resolved here, so a private address is refused where the connection is made.
TWISTED_DNS_RESOLVER = "crawlers.addresses.GuardedResolver"
# Name look-ups block a thread each; twenty keep one slow name server from stopping a crawl of 300 hosts.
REACTOR_THREADPOOL_MAXSIZE = 20

# Our own middleware obeys robots.txt: Scrapy's treats an unreachable robots.txt as "allowed"; ours waits.
ROBOTSTXT_OBEY = False
# What robots.txt calls us; the whole user agent would match groups for other robots by accident.
ROBOTSTXT_USER_AGENT = "DiemBao"
# The user agent is `office.crawl.user_agent`; this one is only seen when somebody runs Scrapy's own commands.
USER_AGENT = "DiemBao (press monitoring; contact not set)"

# Many hosts at once, two requests per host at most: hosts of the press are small.
CONCURRENT_REQUESTS = 256
CONCURRENT_REQUESTS_PER_DOMAIN = 2
# Seconds between two requests to a host when its source says nothing else.
DOWNLOAD_DELAY = 1.0
# None: a delay that robots.txt or a source asks for is a minimum, jitter would go below it.
DOWNLOAD_DELAY_JITTER = 0.0

# Seconds for one whole answer. A server that sends a byte a second must not hold a place longer.
DOWNLOAD_TIMEOUT = 30
# Bytes of a page as sent and after decompression; article pages are far below 1 MB. Feeds and sitemaps: see below.
DOWNLOAD_MAXSIZE = 8 * 1024 * 1024
# No warnings between: what is larger than the maximum gets the fate too_large.
DOWNLOAD_WARNSIZE = 0
# A body cut short is a failure (and retried), not an article with half its text.
DOWNLOAD_FAIL_ON_DATALOSS = True
# A broken certificate chain is reported as network_error, never ignored: evidence must come from the real site.
DOWNLOAD_VERIFY_CERTIFICATES = True

# Our own middleware decompresses: it keeps the bytes as sent for the archive and stops at the maximum size.
COMPRESSION_ENABLED = False
# Our own middleware follows redirects: it counts loops and refuses to leave the site.
REDIRECT_ENABLED = False
REDIRECT_MAX_TIMES = 8
# A page that refreshes itself is a loop or a section page, never an article.
METAREFRESH_ENABLED = False

# Our own middleware retries: it waits between attempts and honours Retry-After.
RETRY_ENABLED = False
RETRY_TIMES = 2
RETRY_HTTP_CODES = [408, 429, 500, 502, 503, 504, 520, 522, 524]
RETRY_EXCEPTIONS = [
    "scrapy.exceptions.CannotResolveHostError",
    "scrapy.exceptions.DownloadConnectionRefusedError",
    "scrapy.exceptions.DownloadFailedError",
    "scrapy.exceptions.DownloadTimeoutError",
    "scrapy.exceptions.ResponseDataLossError",
    "twisted.internet.error.ConnectionDone",
    "twisted.internet.error.ConnectError",
    "twisted.internet.error.ConnectionLost",
]
# An unanswered page is counted in the summary; as an error in the log it would hide the defects of ours.
RETRY_GIVE_UP_LOG_LEVEL = "INFO"

# Every status reaches the spider, which turns it into a named fate.
HTTPERROR_ALLOW_ALL = True
# No logins, no sessions: cookies would only let outlets tell readers apart.
COOKIES_ENABLED = False
# A proxy would connect for us and defeat the check of addresses; it would also hide who asks.
HTTPPROXY_ENABLED = False
# We do not tell an outlet where we found a link.
REFERER_ENABLED = False
# Nothing listens: an office's machine opens no port for a crawl.
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
# The run's own summary.json counts what matters; Scrapy's counters go to the log.
STATS_DUMP = True
LOG_LEVEL = "INFO"

# Scrapy's handler, and a browser for the pages of sources with `javascript = true`.
DOWNLOAD_HANDLERS = {"http": "crawlers.rendering.RenderingHandler", "https": "crawlers.rendering.RenderingHandler"}

DEFAULT_REQUEST_HEADERS = {
    "Accept": "text/html,application/xhtml+xml,application/rss+xml,application/atom+xml,application/xml;q=0.9,*/*;q=0.5",
    # The Vietnamese edition where an outlet has several.
    "Accept-Language": "vi,en;q=0.3",
}

DOWNLOADER_MIDDLEWARES = {
    # The numbers keep Scrapy's own order: engine side first, server side last.
    "crawlers.middlewares.RobotsMiddleware": 100,
    "crawlers.middlewares.BackOffMiddleware": 550,
    "crawlers.middlewares.StayOnSiteMiddleware": 600,
    "crawlers.middlewares.DecompressionMiddleware": 620,
    "crawlers.middlewares.PolitenessMiddleware": 800,
}
# The spider decides itself what becomes of a page, in the order of fetching; there are no pipelines. What a callback gives is one or two
# requests: Scrapy would start a hundred tasks for each page to pass them on.
CONCURRENT_ITEMS = 1
# They count depths, cut long addresses and look for other hosts: things that the spider does, or does not want.
SPIDER_MIDDLEWARES = {
    "scrapy.spidermiddlewares.start.StartSpiderMiddleware": None,
    "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,
    "scrapy.spidermiddlewares.referer.RefererMiddleware": None,
    "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
    "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
}
DOWNLOADER_STATS = False
# Bytes of answers whose pages wait to be read; then no further page is asked for until some are read.
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 32 * 1024 * 1024

# --- Settings of our own ---

# Bytes of a feed or listing (real ones are far below 1 MB) and of a sitemap (the protocol's limit).
DIEMBAO_ENTRANCE_MAXSIZE = 5 * 1024 * 1024
DIEMBAO_SITEMAP_MAXSIZE = 50 * 1024 * 1024
# Bytes of robots.txt; the standard asks for at least 500 KiB to be read.
DIEMBAO_ROBOTS_MAXSIZE = 1024 * 1024
# Seconds before the first retry; doubled for each further one.
DIEMBAO_BACK_OFF = 2.0
# Longest Retry-After (seconds) that a run waits for; a host that asks for more is left alone until the next run.
DIEMBAO_RETRY_AFTER_MAX = 60.0
# Longest Crawl-delay (seconds) that a run can honour; a host that asks for more is not fetched and reported.
DIEMBAO_CRAWL_DELAY_MAX = 120.0
# Pages of one source that are on their way or being read at the same time: enough to keep its host's two places busy.
DIEMBAO_IN_FLIGHT = 16
# Minutes that one source may take in a run; what is left over waits for the next run. A round of monitor gives less (flows/stages.py).
DIEMBAO_MINUTES = 3.0
# Pages of one source in a row without an answer, after which the rest waits for the next run.
DIEMBAO_FAILURES_MAX = 5
# Links taken from one feed, sitemap or listing, newest first; a calendar without end ends here.
DIEMBAO_LINKS_MAX = 2000
# Sitemaps followed from one index, newest first.
DIEMBAO_SITEMAPS_MAX = 10
# Pages of one source that wait in memory; the others wait in the database, so a backfill of years needs little memory.
DIEMBAO_QUEUE_MAX = 5000
# The same for a backfill, which reads years: links of one sitemap (the protocol's limit), sitemaps of one index, pages of one archive.
DIEMBAO_BACKFILL_LINKS_MAX = 50_000
DIEMBAO_BACKFILL_SITEMAPS_MAX = 2000
DIEMBAO_BACKFILL_PAGES_MAX = 5000
# Bytes of a feed, sitemap or listing that are read at once (a second or two at worst). A larger one is read in a process of its own, so
# that it does not hold up the other hosts; two of them run at a time.
DIEMBAO_ENTRANCE_AT_ONCE = 256 * 1024
DIEMBAO_ENTRANCE_READERS = 2
# Processes that read pages, at most; a small crawl starts one. One processor is left for fetching.
DIEMBAO_READERS = max(1, min(4, (os.cpu_count() or 2) - 1))
# Seconds for reading one page, or one large feed.
DIEMBAO_READ_SECONDS = 30.0
# Pages that are open in the browser at the same time, and requests (scripts and what they ask for) that one page may make.
DIEMBAO_BROWSER_TABS = 2
DIEMBAO_BROWSER_REQUESTS = 60
# Bytes of one WARC file, after which the run begins another.
DIEMBAO_WARC_MAXSIZE = 1024 * 1024 * 1024
