r"""How well and how fast articles are extracted, beside trafilatura on the same pages in the same run.

Usage:
    python -m benchmarks.extraction --pages FOLDER              saved pages NAME.html.gz with gold answers NAME.json
    python -m benchmarks.extraction --composed ARTICLES.jsonl.gz [--count 20]
                                                                composed pages in designs no profile knows, with texts of the file

Body: F1 of the words (bags of `\\w+` in lower case), the mean over pages. Title, lead: equal to the gold answer but for white space.
Minute: the same minute. Authors: the same list, order aside; "right or empty" beside it. Rest: sentences of related links, captions,
comments or advertisements that stand in the body. Pages a second: of processor time, so that other work on the machine does
not count; extraction only, best of three rounds.
newspaper4k is measured too where it is installed; it is no dependency of the project.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import composed_pages
from crawlers.extraction import extract
from diembao.clock import to_utc


@dataclass
class Case:
    """A page and its gold answer."""

    name: str
    page: bytes
    url: str
    gold: dict[str, Any]


@dataclass
class Answer:
    """What an extractor found."""

    title: str
    lead: str
    body: str
    authors: list[str]
    published: datetime | None


def ours(families: bool) -> Callable[[bytes, str], Answer]:
    def read(page: bytes, url: str) -> Answer:
        article = extract(page, url, families=families).article
        return Answer(article.title, article.lead, article.body, article.authors, article.published_at)

    return read


def trafilatura_answer(page: bytes, url: str) -> Answer:
    import trafilatura

    found = trafilatura.bare_extraction(page, url=url, include_comments=False, with_metadata=True)
    if found is None:
        return Answer("", "", "", [], None)
    published = datetime.fromisoformat(found.date) if found.date else None
    return Answer(
        found.title or "",
        "",
        found.text or "",
        [name for name in (found.author or "").split("; ") if name],
        published and to_utc(published),
    )


def newspaper_answer(page: bytes, url: str) -> Answer:
    import newspaper

    article = newspaper.Article(url, language="vi", fetch_images=False)
    article.download(input_html=page.decode("utf-8", "replace"))
    article.parse()
    return Answer(article.title or "", "", article.text or "", list(article.authors), article.publish_date and to_utc(article.publish_date))


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def f1(found: str, gold: str) -> float:
    one, other = words(found), words(gold)
    return 2 * sum((one & other).values()) / max(1, sum(one.values()) + sum(other.values()))


def same(one: str, other: str | None) -> bool:
    return " ".join(one.split()) == " ".join((other or "").split())


def measure(name: str, read: Callable[[bytes, str], Answer], cases: list[Case], verbose: bool) -> None:
    scores: list[float] = []
    counts: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for case in cases:
        answer, gold = read(case.page, case.url), case.gold
        scores.append(f1(answer.body, gold["body"]))
        minute = gold["published_at"] and to_utc(datetime.fromisoformat(gold["published_at"]))
        right = {
            "title": same(answer.title, gold["title"]),
            "lead": same(answer.lead, gold["lead"]),
            "authors": sorted(answer.authors) == sorted(gold["authors"]),
        }
        if minute:
            right["minute"] = answer.published is not None and answer.published.astimezone(UTC).replace(second=0, microsecond=0) == minute
        for key, value in right.items():
            counts[key] += value
            asked[key] += 1
        counts["authors or empty"] += right["authors"] or not answer.authors
        counts["lead or empty"] += right["lead"] or not answer.lead
        rest = [sentence for sentence in gold["not_body"] if sentence in answer.body]
        counts["rest"] += len(rest)
        if verbose and (scores[-1] < 0.97 or rest or not all(right.values())):
            wrong = ", ".join(key for key, value in right.items() if not value)
            print(f"    {case.name}: F1 {scores[-1]:.3f}; wrong: {wrong or '-'}; rest: {rest[:2]}")
    seconds = min(_seconds(read, cases) for _ in range(3))
    size = len(cases)
    print(
        f"{name:28} body F1 {sum(scores) / size:.3f} (lowest {min(scores):.3f})  title {counts['title']}/{size}  "
        f"lead {counts['lead']}/{size} (or empty {counts['lead or empty']})  minute {counts['minute']}/{asked['minute']}  "
        f"authors {counts['authors']}/{size} (or empty {counts['authors or empty']})  rest {counts['rest']}  {size / seconds:.1f} pages/s"
    )


def _seconds(read: Callable[[bytes, str], Answer], cases: list[Case]) -> float:
    start = time.process_time()
    for case in cases:
        read(case.page, case.url)
    return time.process_time() - start


def without_names(page: bytes) -> bytes:
    """`page` with meaningless class and id names: what is left when no telling name can be relied on."""

    def scramble(match: re.Match[bytes]) -> bytes:
        return match.group(1) + b'="' + b" ".join(hashlib.md5(word).hexdigest()[:6].encode() for word in match.group(2).split()) + b'"'

    return re.sub(rb"\b(class|id)\s*=\s*[\"']([^\"']*)[\"']", scramble, page, flags=re.IGNORECASE)


def saved(folder: Path) -> list[Case]:
    cases = []
    for path in sorted(folder.glob("*.json")):
        gold = json.loads(path.read_text(encoding="utf-8"))
        cases.append(Case(path.stem, gzip.decompress(path.with_suffix(".html.gz").read_bytes()), gold["url"], gold))
    return cases


def composed(path: Path, count: int, designs: tuple[Callable[[composed_pages.Text], composed_pages.Composed], ...]) -> list[Case]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for _, line in zip(range(3000), lines, strict=False)]
    cases = []
    for design in designs:
        for seed in range(count):
            made = composed_pages.compose(records, design, seed)
            cases.append(
                Case(f"{design.__name__}-{seed}", made.page.encode(), f"https://bao.example/{design.__name__}/{seed}.html", made.gold)
            )
    return cases


def known_systems(path: Path, count: int) -> list[Case]:
    """Pages that carry the class names of content systems which public crawlers describe; only the words are composed."""
    return composed(path, count, composed_pages.SYSTEMS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--composed", type=Path)
    parser.add_argument("--count", type=int, default=20, help="composed pages of each design")
    parser.add_argument("--verbose", action="store_true", help="name the pages that are not right")
    parser.add_argument("--held-out", choices=("yes", "no", "both"), default="both")
    options = parser.parse_args()
    sets: list[tuple[str, list[Case]]] = []
    if options.pages:
        pages = saved(options.pages)
        sets.append((f"saved pages of {options.pages}", pages))
        nameless = [Case(case.name, without_names(case.page), case.url, case.gold) for case in pages]
        sets.append(("the same pages with meaningless class and id names", nameless))
    if options.composed:
        if options.held_out != "yes":
            sets.append(("composed, development designs", composed(options.composed, options.count, composed_pages.DEVELOPMENT)))
        if options.held_out != "no":
            sets.append(("composed, held-out designs", composed(options.composed, options.count, composed_pages.HELD_OUT)))
            sets.append(("composed, second held-out designs", composed(options.composed, options.count, composed_pages.SECOND_HELD_OUT)))
            sets.append(("composed, third held-out designs", composed(options.composed, options.count, composed_pages.THIRD_HELD_OUT)))
            sets.append(("composed, fourth held-out designs", composed(options.composed, options.count, composed_pages.FOURTH_HELD_OUT)))
        sets.append(("composed, in the marks of known content systems", known_systems(options.composed, options.count)))
    if not sets:
        parser.error("give --pages or --composed")
    rivals: dict[str, Callable[[bytes, str], Answer]] = {
        "ours, with families": ours(True),
        "ours, without families": ours(False),
        "trafilatura": trafilatura_answer,
    }
    try:
        import newspaper  # noqa: F401

        rivals["newspaper4k (vi)"] = newspaper_answer
    except ImportError:
        print("newspaper4k is not installed: not measured")
    for title, cases in sets:
        print(f"\n{title}: {len(cases)} pages")
        for name, read in rivals.items():
            measure(name, read, cases, options.verbose and name.startswith("ours"))


if __name__ == "__main__":
    main()
