"""Makes nlp/data/term-frequencies.npz: in how many headlines and leads a term stands (figures only, no text).

Usage: python benchmarks/term_frequencies.py ARTICLES.jsonl.gz   (lines with title, lead and body)
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np

from nlp.stories import LEAD_LIMIT, term_slot, terms_of

SLOTS = 1 << 18


def main(path: Path) -> None:
    counts = np.zeros(SLOTS, np.uint32)
    documents = 0
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            article = json.loads(line)
            lead = article["lead"] or article["body"]
            terms = {*terms_of(article["title"]), *terms_of(" ".join(lead.split()[:LEAD_LIMIT]))}
            for slot in {term_slot(term, SLOTS) for term in terms}:
                counts[slot] += 1
            documents += 1
    target = Path(__file__).parent.parent / "nlp" / "data" / "term-frequencies.npz"
    np.savez_compressed(target, counts=np.minimum(counts, 65535).astype(np.uint16), documents=documents)
    print(f"{documents} articles, {target} {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
