"""Speed of tagging on one core, and whether its labels are underthesea's.

    python -m benchmarks.tagging                     the five articles of tests/data, cut to 3,000 characters
    python -m benchmarks.tagging --corpus FILE.jsonl.gz --sentences 2000
    python -m benchmarks.tagging --corpus FILE.jsonl.gz --articles 400 --processes 4

Prints articles a second for all steps, each step's share, the ratio to `underthesea.word_tokenize` alone and the factor to
`underthesea.ner` on the same whole articles in the same run, memory, start-up, and time against length.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="JSON lines (gzip) with title, lead, body")
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--sentences", type=int, default=0, help="compare the labels of so many sentences")
    parser.add_argument("--processes", type=int, default=0, help="only: wall time with 1, 2, 4, … processes up to so many")
    arguments = parser.parse_args()

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

    print("seconds against length:")
    for kind, piece in (
        ("prose", texts[0]),
        ("disguised", "Xây dựng ᴄʜíɴʜ qυʏềɴ đᎥệп tử, а.б.в ɪɪɪ. "),
        ("no stop", "xã hội "),
        ("one word", "x"),
        ("marks", "a\u0301"),
        ("Q.1", "Q.1"),
    ):
        row = []
        for size in (10_000, 100_000, 1_000_000):
            article = Article(title="", body=(piece * (size // len(piece) + 1))[:size])
            row.append(f"{size:>9,}: {seconds(lambda article=article: complete.tag(article)):6.2f}")  # type: ignore[misc]
        print(f"  {kind:<10}{'  '.join(row)}")
    print(f"memory at most: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    start = time.perf_counter()
    command = [sys.executable, "-c", "from cli.main import main; main()", "tag"]
    start = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, input=b'{"title":"a"}\n', capture_output=True, check=True)
    print(f"`diembao tag` on one headline: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
