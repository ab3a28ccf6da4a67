"""Speed of tagging on one core, and whether its labels are underthesea's.

    python -m benchmarks.tagging                     the five articles of tests/data, cut to 3,000 characters
    python -m benchmarks.tagging --corpus FILE.jsonl.gz --sentences 2000
    python -m benchmarks.tagging --corpus FILE.jsonl.gz --articles 400 --processes 4
    python -m benchmarks.tagging --linear            only: time against length, for each step
    python -m benchmarks.tagging --startup           only: `diembao tag` on one article, and `diembao --help`

Prints articles a second for all steps, each step's share, the ratio to `underthesea.word_tokenize` alone and the factor to
`underthesea.ner` on the same whole articles in the same run, memory and start-up.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from diembao.article import Article
from nlp.repair import repair
from nlp.step import Step
from nlp.tagging import Tagger
from nlp.words import sentence_spans, split_words, tag_words

PROJECT = Path(__file__).parent.parent
LENGTH = 3000


def texts_of(corpus: Path | None, count: int) -> list[str]:
    """`count` texts of exactly LENGTH characters: articles of the corpus one after the other."""
    if corpus is None:
        files = sorted((PROJECT / "tests" / "data" / "articles" / "government").glob("*.txt"))
        whole = "\n".join(path.read_text(encoding="utf-8") for path in files)
    else:
        parts, size = [], 0
        with gzip.open(corpus, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                parts.append("\n".join((record["title"], record["lead"], record["body"])))
                size += len(parts[-1])
                if size > count * LENGTH:
                    break
        whole = "\n".join(parts)
    return [whole[start : start + LENGTH] for start in range(0, len(whole) - LENGTH, LENGTH)][:count]


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def scale(articles: list[Article], most: int) -> None:
    """Print the wall time of all articles with 1, 2, 4, … processes, from the first result on: without the time in which they start."""
    expected: list[Article] = []
    alone = 0.0
    processes = 1
    while processes <= most:
        results = Tagger(PROJECT / "config", "Đồng Tháp").tag_all(articles, processes)
        found = [next(results)]
        start = time.perf_counter()
        found += results
        spent = time.perf_counter() - start
        alone = alone or spent
        expected = expected or found
        same = "the same results in the same order" if found == expected else "OTHER RESULTS"
        print(f"{processes} processes: {spent:6.2f} s, {len(articles) / spent:6.1f} articles/s, x {alone / spent:.2f}, {same}")
        processes *= 2


LENGTHS = (100_000, 300_000, 1_000_000)


def linear(prose: str, steps: list[Step]) -> None:
    """Print seconds against length, and how much longer ten times the text takes (10 = linear)."""
    kinds = {
        "prose": prose,
        "disguised": "Xây dựng ᴄʜíɴʜ qυʏềɴ đᎥệп tử, а.б.в ɪɪɪ. ",
        "old font": "UBND tØnh TiÒn Giang häp víi n«ng d©n. ",
        "entities": "&amp;&amp;aacute;&#7883; &amp; ",
        "no stop": "xã hội ",
        "one word": "x",
        "marks": "a\u0301",
        "hidden": "a\u200d\ufe0f",
        "Q.1": "Q.1",
        "no marks": "xa Hoa Binh mua lon, TP HCM ngap nhieu noi ",
        "line feeds": "Hà Nội\n\n",
        "numbers": "0912345678 ",
    }
    config = PROJECT / "config"
    works = {"all steps": Tagger(config, "Đồng Tháp", steps), "repair": Tagger(config, steps=[])}
    for step in steps:
        if not set(step.reads) & {field for other in steps for field in other.fields}:
            works[step.name] = Tagger(config, "Đồng Tháp", [step])
    for tagger in works.values():
        tagger.tag(Article(title="", body=prose))  # reads the models
    print("seconds against length (x: how many times the first the last one takes; 10 is linear)")
    for kind, piece in kinds.items():
        for name, tagger in works.items():
            if kind != "prose" and name not in ("all steps", "repair"):
                continue
            row = []
            for size in LENGTHS:
                article = Article(title="", body=(piece * (size // len(piece) + 1))[:size])
                row.append(seconds(lambda article=article, tagger=tagger: tagger.tag(article)))  # type: ignore[misc]
            times = "  ".join(f"{size:>9,}: {value:6.2f}" for size, value in zip(LENGTHS, row, strict=True))
            print(f"  {kind:<10} {name:<12} {times}  x {row[-1] / max(row[0], 0.001):5.1f}", flush=True)


def start_up(runs: int = 7) -> None:
    """Print the median time of `diembao tag` on one article and of `diembao --help`, and how busy the machine was."""
    article = '{"title": "Mưa to", "body": "Ông An ở Cái Bè nói về nước sạch."}'.encode()
    for words in (["tag"], ["--help"]):
        walls, processors = [], []
        for _ in range(runs):
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            command = [sys.executable, "-c", "from cli.main import main; main()", *words]
            subprocess.run(command, cwd=PROJECT, input=article, capture_output=True, check=True)
            walls.append(time.perf_counter() - start)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        print(
            f"`diembao {words[0]}`: {statistics.median(walls):.2f} s, processor {statistics.median(processors):.2f} s "
            f"(medians of {runs}; load of the machine {os.getloadavg()[0]:.1f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="JSON lines (gzip) with title, lead, body")
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--sentences", type=int, default=0, help="compare the labels of so many sentences")
    parser.add_argument("--processes", type=int, default=0, help="only: wall time with 1, 2, 4, … processes up to so many")
    parser.add_argument("--linear", action="store_true", help="only: time against length, for each step")
    parser.add_argument("--startup", action="store_true", help="only: time until one article is tagged")
    arguments = parser.parse_args()

    if arguments.startup:
        start_up()
        return
    if arguments.linear:
        linear(texts_of(arguments.corpus, 1)[0], Tagger(PROJECT / "config").steps)
        return

    texts = texts_of(arguments.corpus, arguments.articles)
    articles = [Article(id=str(number), title=text[:80], body=text[80:]) for number, text in enumerate(texts)]
    print(f"{len(articles)} articles of {LENGTH} characters")

    if arguments.processes:
        scale(articles, arguments.processes)
        return

    spent: dict[str, float] = {}

    def timed(step: Step) -> Step:
        def run(**given: object) -> object:
            start = time.process_time()
            try:
                return step.fn(**given)
            finally:
                spent[step.name] = spent.get(step.name, 0.0) + time.process_time() - start

        run.__signature__ = __import__("inspect").signature(step.fn)  # type: ignore[attr-defined]
        return Step(run, step.version, step.writes, step.name)

    def nothing(*names: str) -> list[Step]:
        source = f"lambda {', '.join(names)}: ''"
        return [Step(eval(source), 1, "section", "nothing")]

    config = PROJECT / "config"
    complete = Tagger(config, "Đồng Tháp")
    first = seconds(lambda: complete.tag(articles[0]))
    print(f"first article with loading of the models: {first:.2f} s")
    total = seconds(lambda: list(complete.tag_all(articles)))
    list(Tagger(config, "Đồng Tháp", [timed(step) for step in complete.steps]).tag_all(articles))
    stages = {
        "repair": seconds(lambda: list(Tagger(config, steps=[]).tag_all(articles))),
        "sentences": seconds(lambda: list(Tagger(config, steps=nothing("sentences")).tag_all(articles))),
        "words": seconds(lambda: list(Tagger(config, steps=nothing("tokens")).tag_all(articles))),
        "tags and names": seconds(lambda: list(Tagger(config, steps=nothing("tagged")).tag_all(articles))),
    }
    rate = len(articles) / total
    plain = [step for step in complete.steps if step.name not in ("topics", "sentiment", "critical_of")]
    without = seconds(lambda: list(Tagger(config, "Đồng Tháp", plain).tag_all(articles)))
    print(f"without the trained models, one core: {len(articles) / without:.1f} articles/s ({1000 * without / len(articles):.1f} ms each)")
    print(f"all steps, one core: {rate:.1f} articles/s ({1000 * total / len(articles):.1f} ms each)")
    behind = 0.0
    for name, value in stages.items():
        print(f"  {name:<16}{100 * max(0.0, value - behind) / total:5.1f} %")
        behind = value
    for name, value in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  step {name:<11}{100 * value / total:5.1f} %")

    import underthesea

    underthesea.ner("Khởi động")
    alone = seconds(lambda: [underthesea.word_tokenize(text) for text in texts])
    print(f"underthesea.word_tokenize alone: {1000 * alone / len(texts):.1f} ms an article; all steps cost {total / alone:.2f} x that")
    few = texts[:3]
    theirs = seconds(lambda: [underthesea.ner(text) for text in few]) / len(few)
    ours = stages["tags and names"] / len(articles)
    print(
        f"underthesea.ner: {theirs:.2f} s an article; the same labels here: {1000 * ours:.1f} ms, {theirs / ours:.0f} x faster; "
        f"all steps: {theirs * rate:.0f} x"
    )

    if arguments.sentences:
        different = compared = 0
        for text in texts_of(arguments.corpus, 10**6 if arguments.corpus is None else 400):
            clean = repair(text).text
            for start, end in sentence_spans(clean):
                sentence = clean[start:end]
                if compared == arguments.sentences:
                    break
                words = split_words(sentence).words
                if words:
                    compared += 1
                    rows = [tuple(row) for row in tag_words(words)]
                    different += words != underthesea.word_tokenize(sentence) or rows != underthesea.ner(sentence)
        print(f"labels differ in {different} of {compared} sentences")

    million = Article(title="", body=(texts[0] * (1_000_000 // LENGTH + 1))[:1_000_000])
    print(f"an article of a million characters: {seconds(lambda: complete.tag(million)):.2f} s")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    start_up()


if __name__ == "__main__":
    main()
