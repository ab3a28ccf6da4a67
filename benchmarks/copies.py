"""Precision and recall of `diembao duplicates` on reprints made from real articles, and its time for 100,000 articles.

Usage: python -m benchmarks.copies ARTICLES.jsonl.gz [--articles 10000] [--originals 600] [--time 100000] [--processes 2] [--read 40]

Reprints of every kind are made of `--originals` articles and hidden among `--articles`. A found pair is right when both are of one
original; pairs of the collection's own articles are no errors by themselves, many are real reprints of 2017: `--read` prints a sample
of them to be read. `--time` mixes the sentences of the articles into as many texts as asked and measures reading, repairing and pairing.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from cli.linking import texts_of
from nlp.copies import find_copies

DISGUISES = Path(__file__).parent.parent / "nlp" / "data" / "homoglyphs.json"
Make = Callable[[str, random.Random], str]


def edited(share: float) -> Make:
    """Of `share` of the syllables each is replaced, dropped, or gets a new neighbour."""

    def make(text: str, chance: random.Random) -> str:
        words = text.split()
        made: list[str] = []
        for word in words:
            if chance.random() >= share:
                made.append(word)
            elif (way := chance.random()) < 0.6:
                made.append(chance.choice(words))
            elif way < 0.8:
                made += [word, chance.choice(words)]
        return " ".join(made)

    return make


def rewritten(share: float) -> Make:
    """Runs of two to five syllables are replaced until `share` of the text is new, as an editor changes phrases."""

    def make(text: str, chance: random.Random) -> str:
        words = text.split()
        made: list[str] = []
        at = 0
        while at < len(words):
            run = chance.randint(2, 5)
            if chance.random() < share / run / (1 - share + share / run):
                made += [chance.choice(words) for _ in range(run)]
                at += run
            else:
                made.append(words[at])
                at += 1
        return " ".join(made)

    return make


def cut(share: float) -> Make:
    def make(text: str, chance: random.Random) -> str:
        words = text.split()
        return " ".join(words[: max(50, int(len(words) * share))])

    return make


def bylined(text: str, chance: random.Random) -> str:
    return f"(Báo Mới Tổng Hợp) - {text}\nTheo {chance.choice(('Minh Anh', 'PV', 'Hoàng Nam'))}/Tuổi Trẻ\nNguồn: https://bao.example/{chance.random()}"


def reordered(text: str, chance: random.Random) -> str:
    sentences = text.split(". ")
    parts = [sentences[at : at + 3] for at in range(0, len(sentences), 3)]
    chance.shuffle(parts)
    return ". ".join(sentence for part in parts for sentence in part)


def disguised(text: str, chance: random.Random) -> str:
    table: dict[str, list[str]] = {}
    for lookalike, letter in json.loads(DISGUISES.read_text(encoding="utf-8")).items():
        table.setdefault(letter, []).append(lookalike)
    words = []
    for word in text.split(" "):
        hidden = chance.random() < 0.3
        words.append("".join(chance.choice(table[c]) if hidden and c in table else c for c in word))
    return " ".join(words)


def contained(text: str, chance: random.Random) -> str:
    """A notice of 60 to 120 syllables from inside the text."""
    words = text.split()
    size = chance.randint(60, 120)
    at = chance.randint(0, max(0, len(words) - size))
    return " ".join(words[at : at + size])


def everything(text: str, chance: random.Random) -> str:
    return bylined(disguised(edited(0.1)(cut(0.7)(text, chance), chance), chance), chance)


KINDS: dict[str, Make] = {
    "edited 5 %": edited(0.05),
    "edited 10 %": edited(0.10),
    "edited 15 %": edited(0.15),
    "edited 20 %": edited(0.20),
    "edited 25 %": edited(0.25),
    "rewritten 30 %": rewritten(0.3),
    "cut to 30 %": cut(0.3),
    "cut to 50 %": cut(0.5),
    "cut to 80 %": cut(0.8),
    "cut, edited 5 %": lambda text, chance: edited(0.05)(cut(0.5)(text, chance), chance),
    "bylined": bylined,
    "reordered": reordered,
    "disguised": disguised,
    "contained": contained,
    "everything": everything,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--originals", type=int, default=600)
    parser.add_argument("--time", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--read", type=int, default=0)
    arguments = parser.parse_args()
    with gzip.open(arguments.file, "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line in lines]
    if arguments.time:
        measure_time(articles, arguments.time, arguments.processes)
    if arguments.originals:
        measure_pairs(articles[: arguments.articles], arguments.originals, arguments.read, arguments.processes)


def whole(article: dict[str, str]) -> str:
    return "\n".join((article["title"], article["lead"], article["body"]))


def measure_pairs(articles: list[dict[str, str]], originals: int, read: int, processes: int) -> None:
    chance = random.Random(7)
    chosen = chance.sample([article for article in articles if len(whole(article).split()) >= 120], originals)
    made = [(f"{kind}|{article['id']}", make(whole(article), chance)) for article in chosen for kind, make in KINDS.items()]
    records = [{"id": name, "title": text[:80], "body": text[80:]} for name, text in made] + articles
    chance.shuffle(records)
    stream = io.StringIO("\n".join(json.dumps(record) for record in records))
    found = list(find_copies(texts_of(stream), processes))
    texts = {article["id"]: article for article in articles}
    right, wrong, own = Counter[str](), [], []
    by_kind = Counter[str]()
    copies_of_each_other = {frozenset((pair.a, pair.b)) for pair in found if "|" not in pair.a + pair.b}
    for pair in found:
        kinds = sorted((name.partition("|")[0] for name in (pair.a, pair.b) if "|" in name), key=list(KINDS).index)
        first, second = (name.rpartition("|")[2] for name in (pair.a, pair.b))
        if not kinds:
            own.append(pair)
        elif first == second:
            right[kinds[0] if len(kinds) == 1 else "two reprints"] += 1
        elif frozenset((first, second)) not in copies_of_each_other:
            wrong.append(pair)
            by_kind[" + ".join(kinds)] += 1
    print(f"{len(records)} texts, {originals} originals")
    for kind in KINDS:
        print(f"  {kind:<18}recall {right[kind] / originals:.4f}")
    asked = sum(right[kind] for kind in KINDS)
    print(f"all kinds: recall {asked / originals / len(KINDS):.4f}; pairs of two reprints of one original found: {right['two reprints']}")
    print(
        f"precision over pairs with a reprint: {1 - len(wrong) / (right.total() + len(wrong)):.4f} ({len(wrong)} wrong)",
        dict(by_kind.most_common(6)),
    )
    for pair in wrong[:5]:
        print("  wrong:", pair.a, pair.b, round(pair.similarity, 3))
    print(f"pairs of the collection's own articles: {len(own)}")
    for pair in chance.sample(own, min(read, len(own))):
        print(f"\n{pair.similarity:.2f}\n  {whole(texts[pair.a])[:400]!r}\n  {whole(texts[pair.b])[:400]!r}")


def measure_time(articles: list[dict[str, str]], count: int, processes: int) -> None:
    chance = random.Random(8)
    sentences = [sentence for article in articles for sentence in article["body"].split(". ")]
    titles = [article["title"] for article in articles]

    def mixed() -> Iterator[str]:
        for number in range(count):
            body, size = [], 0
            while size < 2400:
                body.append(chance.choice(sentences))
                size += len(body[-1])
            yield json.dumps({"id": str(number), "title": chance.choice(titles), "body": ". ".join(body)}, ensure_ascii=False)

    stream = io.StringIO("\n".join(mixed()))
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = sum(1 for _ in find_copies(texts_of(stream), processes))
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{count} articles, {processes} processes: {seconds:.1f} s, {pairs} pairs")
    print(f"memory {after / 1024:.0f} MB, {(after - before) / 1024:.0f} MB more than before")


if __name__ == "__main__":
    main()
