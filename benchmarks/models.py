"""How long the models take: loading, one headline, one article of 3,000 characters, one core.

Articles are composed of the shipped leads, so that length and words are those of news. How good the models are is measured by
`diembao models evaluate`, beside the baselines.

    .venv/bin/python -m benchmarks.models [--articles 200]
"""

from __future__ import annotations

import argparse
import json
import os
import time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

LENGTH = 3000
"""Code points of each article."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--articles", type=int, default=200)
    many = parser.parse_args().articles

    from nlp.models.labels import shipped_headlines
    from nlp.models.model import shipped
    from nlp.models.reading import read_with
    from nlp.words import sentence_spans

    begin = time.perf_counter()
    model = shipped()
    loading = time.perf_counter() - begin

    headlines = [item for item in shipped_headlines() if len(item.lead) > 80]
    articles = []
    for place in range(many):
        body, following = "", place
        while len(body) < LENGTH:
            following = (following + 1) % len(headlines)
            body += headlines[following].lead + "\n"
        item = headlines[place % len(headlines)]
        text = f"{item.title}\n{item.lead}\n{body[:LENGTH]}"
        articles.append((item.title, item.lead, [text[start:end] for start, end in sentence_spans(text)]))

    begin = time.perf_counter()
    for title, lead, _ in articles:
        read_with(model, title, lead, [title, lead])
    of_headline = (time.perf_counter() - begin) / many
    begin = time.perf_counter()
    for title, lead, sentences in articles:
        read_with(model, title, lead, sentences)
    of_article = (time.perf_counter() - begin) / many
    print(
        json.dumps({
            "articles": many,
            "load_s": round(loading, 3),
            "headline_ms": round(of_headline * 1000, 2),
            "article_ms": round(of_article * 1000, 2),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
