"""Phrases on token positions: what "a b c" and "a b c"~N mean, as Lucene defines it."""

from __future__ import annotations

from collections.abc import Sequence

GAP = 20
"""Positions between two values of one field (two authors, two places), so that no phrase reaches from one into the next."""
GAP_TOKEN = "_"  # noqa: S105 - a filler between values, which no word can be


def phrase_occurs(words: Sequence[str], folded: Sequence[str], phrase: Sequence[str], accented: Sequence[bool], *, prefix: bool) -> bool:
    """Whether `phrase` stands in the text word for word.

    Args:
        words: the exact tokens of the text.
        folded: its folded tokens.
        phrase: the tokens looked for.
        accented: for each of them whether it is compared with the exact token (else with the folded one).
        prefix: the last one is the beginning of a word.
    """
    size = len(phrase)
    last = size - 1
    for start in range(len(words) - last):
        for offset in range(size):
            word = (words if accented[offset] else folded)[start + offset]
            if not (word.startswith(phrase[offset]) if prefix and offset == last else word == phrase[offset]):
                break
        else:
            return True
    return False


def within_slop(words: Sequence[str], folded: Sequence[str], phrase: Sequence[str], accented: Sequence[bool], slop: int) -> bool:
    """Whether `phrase` stands in the text within `slop`.

    Lucene's measure: each token of the phrase is found somewhere; its position less its place in the phrase is how far the
    phrase had to be shifted to meet it; the largest shift less the smallest is what `slop` limits. So "b a" is two moves away
    from "a b". A token that occurs twice in the phrase must be found at two places.

    >>> text = "lũ quét ở xã".split()
    >>> within_slop(text, text, ["lũ", "xã"], [False, False], 1), within_slop(text, text, ["lũ", "xã"], [False, False], 2)
    (False, True)
    >>> within_slop(text, text, ["quét", "lũ"], [False, False], 1), within_slop(text, text, ["quét", "lũ"], [False, False], 2)
    (False, True)
    """
    places = [
        [position for position, word in enumerate(words if exact else folded) if word == token]
        for token, exact in zip(phrase, accented, strict=True)
    ]
    return near_enough(phrase, places, slop)


def near_enough(phrase: Sequence[str], places: Sequence[Sequence[int]], slop: int) -> bool:
    """Whether a text with the tokens of `phrase` at `places` (for each its positions, ascending) has the phrase within `slop`."""
    if not all(places):
        return False
    shifts = sorted({position - offset for offset, found in enumerate(places) for position in found})
    return any(_fits(shift, slop, phrase, places) for shift in shifts)


def _fits(shift: int, slop: int, phrase: Sequence[str], places: Sequence[Sequence[int]]) -> bool:
    """Whether every token has a place of its own with a shift in [shift, shift + slop]."""
    taken: dict[str, int] = {}
    for offset, token in enumerate(phrase):
        low = max(shift + offset, taken.get(token, -1) + 1)
        place = next((position for position in places[offset] if position >= low), None)
        if place is None or place > shift + slop + offset:
            return False
        taken[token] = place
    return True
