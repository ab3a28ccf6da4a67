"""What a reprint changed: two texts word by word, in time that grows with their length only."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from crawlers.revisions import Piece, word_diff

LONGEST = 60_000
"""Characters of each text that are compared: a book chapter. What stands behind is said to be left out."""
_COMPARISONS_MAX = 500_000
"""Pairs of words that one comparison costs at most (about a second); what would cost more is shown as replaced whole."""
_ANCHOR = 4
"""Words in a row that stand once in each text hold the two together at that place."""
_WORDS = re.compile(r"\S+\s*")


def changed_words(before: str, after: str) -> list[Piece]:
    """`before` and `after` word by word; joined, what stayed and went is the one text, what stayed and came the other, white space apart.

    `crawlers.revisions.word_diff` compares paragraph by paragraph, but a reprint often cuts paragraphs otherwise. Here sequences of
    four words that are unique in both texts hold them together (Cohen's patience diff), and only what lies between is compared
    word by word, so a text of 60,000 characters takes no longer than many short ones.

    >>> [(piece.change, piece.text) for piece in changed_words("Ba người bị thương", "Hai người bị thương")]
    [('removed', 'Ba'), ('added', 'Hai'), ('same', ' người bị thương')]
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    pieces: list[Piece] = []
    last_old = last_new = 0
    left_over = _COMPARISONS_MAX
    for start_old, start_new in [*_anchors(old, new), (len(old), len(new))]:
        went, came = "".join(old[last_old:start_old]), "".join(new[last_new:start_new])
        cost = (start_old - last_old) * (start_new - last_new)
        pieces += word_diff(went, came) if cost <= left_over else [Piece("removed", went), Piece("added", came)]
        left_over -= cost if cost <= left_over else 0
        if start_old < len(old):
            # The white space of the one or the other: at the end of a text there is none.
            written = new[start_new]
            pieces.append(Piece("same", written if written[-1].isspace() else old[start_old]))
        last_old, last_new = start_old + 1, start_new + 1
    return _joined(pieces)


def share_kept(pieces: Sequence[Piece]) -> float:
    """Which share of the letters of both texts stayed, 0 to 1."""
    letters: Counter[str] = Counter()
    for piece in pieces:
        letters[piece.change] += sum(letter.isalnum() for letter in piece.text)
    whole = 2 * letters["same"] + letters["removed"] + letters["added"]
    return 2 * letters["same"] / whole if whole else 1.0


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Places (in the one, in the other) of single words that belong together, in order in both."""
    places_old, places_new = _unique_places(old), _unique_places(new)
    pairs = sorted((place, places_new[words]) for words, place in places_old.items() if words in places_new)
    held: set[tuple[int, int]] = set()
    for place, other in _longest_rise(pairs):
        held.update((place + step, other + step) for step in range(_ANCHOR))
    found: list[tuple[int, int]] = []
    for place, other in sorted(held):
        if not found or (place > found[-1][0] and other > found[-1][1]):
            found.append((place, other))
    return found


def _unique_places(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    plain = [word.strip() for word in words]
    places: dict[tuple[str, ...], int] = {}
    often: set[tuple[str, ...]] = set()
    for place in range(len(plain) - _ANCHOR + 1):
        run = tuple(plain[place : place + _ANCHOR])
        if run in places:
            often.add(run)
        places[run] = place
    return {run: place for run, place in places.items() if run not in often}


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of `pairs`, sorted by their first number, in which the second rises too."""
    ends: list[int] = []  # by length of a rise: the smallest second number at which one of that length ends
    at: list[int] = []
    before: list[int] = []
    for number, (_, other) in enumerate(pairs):
        length = bisect_left(ends, other)
        before.append(at[length - 1] if length else -1)
        if length == len(ends):
            ends.append(other)
            at.append(number)
        else:
            ends[length], at[length] = other, number
    found: list[tuple[int, int]] = []
    number = at[-1] if at else -1
    while number >= 0:
        found.append(pairs[number])
        number = before[number]
    return found[::-1]


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours of the same kind as one; of a change what went before what came."""
    joined: list[Piece] = []
    removed = added = ""
    for piece in [*pieces, Piece("same", "")]:
        if piece.change == "removed":
            removed += piece.text
        elif piece.change == "added":
            added += piece.text
        else:
            if removed:
                joined.append(Piece("removed", removed))
            if added:
                joined.append(Piece("added", added))
            removed = added = ""
            if piece.text and joined and joined[-1].change == "same":
                joined[-1] = Piece("same", joined[-1].text + piece.text)
            elif piece.text:
                joined.append(piece)
    return joined
