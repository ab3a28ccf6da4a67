"""What text repair restores, and what it alters that is clean.

    python -m benchmarks.repair --corpus FILE.jsonl.gz --confusables confusables.json
    python -m benchmarks.repair --corpus FILE.jsonl.gz --clean [--catalogues /usr/share] [--show]

Without --clean: words of the corpus are disguised by letters that Unicode's confusables.txt says look alike (the JSON file of the
package confusable_homoglyphs 3.3.1, which is no dependency), by small capitals, letters with hooks and in circles, by hidden characters.
A word counts as restored when it is the same but for its case.

With --clean: every field of the corpus, and every translation in the message catalogues (*.mo) of a system, is repaired; what changes
beyond NFC, hidden characters and HTML's spellings is counted, and shown with --show, for a person to read.
"""

from __future__ import annotations

import argparse
import gettext
import gzip
import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from nlp.legacy import undo_legacy
from nlp.repair import clean_characters, repair, undo_entities
from nlp.syllables import is_syllable

Letters = dict[str, list[str]]

_HIDDEN = "\u200b\u200c\u200d\u00ad\u2060\ufeff\u034f\u180e\u200e\u2062\ufe0e"
_NAMED = re.compile(
    r"(?:LATIN LETTER SMALL CAPITAL|MODIFIER LETTER SMALL|LATIN (?:SMALL|CAPITAL) LETTER) ([A-Z])"
    r"(?: WITH (?:HOOK|TAIL|PALATAL HOOK|RETROFLEX HOOK|MIDDLE TILDE|CURL|DESCENDER))?"
)


def look_alikes(confusables: Path) -> dict[str, Letters]:
    """By alphabet: plain letter → what looks like it. From data and names, not from `nlp.repair`'s own table."""
    pairs = set()
    for plain, entries in json.loads(confusables.read_text(encoding="utf-8")).items():
        if len(plain) == 1 and plain.isascii() and plain.isalpha():
            pairs |= {(plain, entry["c"]) for entry in entries if len(entry["c"]) == 1}
    for code in range(0x100, 0x1F200):
        name = unicodedata.name(chr(code), "")
        if match := _NAMED.fullmatch(name):
            pairs.add((match[1] if "LATIN CAPITAL" in name else match[1].lower(), chr(code)))
        if len(compatible := unicodedata.normalize("NFKC", chr(code))) == 1 and compatible.isascii() and compatible.isalpha():
            pairs.add((compatible, chr(code)))
    found: dict[str, Letters] = {"any": {}}
    for plain, letter in sorted(pairs):
        if (
            letter.isascii()
            or letter in "ªº"
            or unicodedata.normalize("NFD", letter) != letter
            or not (letter.isalpha() or " LATIN " in unicodedata.name(letter))
        ):
            continue
        name = unicodedata.name(letter)
        alphabet = "small capitals" if "SMALL CAPITAL" in name else "hooks" if " WITH " in name else name.split()[0].lower()
        for key in ("any", alphabet):
            found.setdefault(key, {}).setdefault(plain, []).append(letter)
    mixture: Letters = defaultdict(list)
    for alphabet in ("cyrillic", "greek", "small capitals"):
        for plain, letters in found.get(alphabet, {}).items():
            mixture[plain] += letters
    return {"cyrillic, greek, small capitals": dict(mixture)} | found


def records(corpus: Path) -> Iterator[dict[str, str]]:
    with gzip.open(corpus, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def paragraphs(corpus: Path, count: int) -> list[str]:
    """One clean paragraph each of articles spread over the corpus."""
    found = []
    for number, record in enumerate(records(corpus)):
        if number % 97 == 1:
            suitable = (line for line in record["body"].split("\n") if 150 < len(line) < 1500 and repair(line).text == line)
            found += [line for line in suitable if line.isprintable()][:1]
        if len(found) == count:
            break
    return found


def disguised(name: str, texts: list[str], letters: Letters, words: float, share: float, after: Callable[[str], str]) -> None:
    """Print how much is restored of `words` of the words, `share` of whose letters are replaced."""
    chance = random.Random(7)
    altered = restored = spoilt = 0
    for text in texts:
        plain = text.split(" ")
        written = list(plain)
        for number, word in enumerate(plain):
            if len(word) > 1 and is_syllable(word) and chance.random() < words:
                marked = unicodedata.normalize("NFD", word)
                new = (chance.choice(letters[c]) if letters.get(c) and chance.random() < share else c for c in marked)
                written[number] = after(unicodedata.normalize("NFC", "".join(new)))
        result = repair(" ".join(written)).text.split(" ")
        for before, hidden, now in zip(plain, written, result, strict=True):
            altered += hidden != before
            restored += hidden != before and now.lower() == before.lower()
            spoilt += hidden == before != now
    print(f"{name:<44} {altered:>6} words disguised, {100 * restored / max(1, altered):6.2f} % restored, {spoilt} others changed")


def clean(name: str, texts: Iterator[str], show: bool) -> None:
    """Print what repair changes in texts that are meant as they stand."""
    fields = letters = called = old_fonts = 0
    changed: Counter[tuple[str, str]] = Counter()
    for text in texts:
        fields += 1
        letters += len(text)
        spelt = undo_entities(unicodedata.normalize("NFC", text))
        legacy = undo_legacy(spelt)
        old_fonts += legacy != spelt
        result = repair(text)
        called += result.obfuscated
        before = clean_characters(legacy)
        if result.text != before:
            changed.update((a, b) for a, b in zip(before.split(), result.text.split(), strict=False) if a != b)
    print(
        f"{name}: {fields:,} texts, {letters:,} characters; taken for an old font {old_fonts}, called disguised {called}, "
        f"words changed {changed.total()}"
    )
    for (before, now), count in changed.most_common() if show else ():
        print(f"  {count:>4} {before} → {now}")


def catalogues(folder: Path) -> Iterator[str]:
    """The translations in all message catalogues below `folder`, each once per language."""
    found: dict[str, set[str]] = {}
    for path in sorted(folder.rglob("*.mo")):
        if path.parent.name != "LC_MESSAGES":
            continue
        try:
            with path.open("rb") as file:
                entries = gettext.GNUTranslations(file)._catalog.values()  # type: ignore[attr-defined]
        except (OSError, UnicodeDecodeError, LookupError, ValueError):
            continue
        found.setdefault(path.parent.parent.name, set()).update(
            text for text in entries if isinstance(text, str) and not text.isascii() and len(text) < 3000
        )
    print(f"{len(found)} languages")
    for texts in found.values():
        yield from sorted(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="JSON lines (gzip) with title, lead, body")
    parser.add_argument("--confusables", type=Path, help="confusables.json of confusable_homoglyphs")
    parser.add_argument("--clean", action="store_true", help="count what is altered that is clean")
    parser.add_argument("--catalogues", type=Path, help="folder with *.mo files, with --clean")
    parser.add_argument("--show", action="store_true", help="print the changed words")
    arguments = parser.parse_args()
    if arguments.clean:
        fields = (record[name] for record in records(arguments.corpus) for name in ("title", "lead", "body"))
        clean("corpus", (text for text in fields if text), arguments.show)
        if arguments.catalogues:
            clean("catalogues", catalogues(arguments.catalogues), arguments.show)
        return
    texts = paragraphs(arguments.corpus, 150)
    print(f"{len(texts)} paragraphs")
    chance = random.Random(3)
    for hidden in ("any of them", *_HIDDEN):
        pool = _HIDDEN if len(hidden) > 1 else hidden
        disguised(
            f"hidden: {hidden if len(hidden) > 1 else unicodedata.name(hidden).lower()}",
            texts,
            {},
            0.4,
            0,
            lambda word, pool=pool: chance.choice(pool).join(word),  # type: ignore[misc]
        )
    if arguments.confusables:
        for alphabet, letters in look_alikes(arguments.confusables).items():
            disguised(f"{alphabet}, 40 % of words, 70 % of letters", texts, letters, 0.4, 0.7, str)
            if "," in alphabet or alphabet == "any":
                disguised(f"{alphabet}, 10 % / 30 %", texts, letters, 0.1, 0.3, str)


if __name__ == "__main__":
    main()
