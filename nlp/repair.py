"""Text as it should have been written: NFC, without HTML's spellings, old font encodings, invisible and control characters and disguises.

Copy sites replace letters by others that look alike ("ᴄʜíɴʜ qυʏềɴ" for "chính quyền") to hide from searches for their source. A letter
alone says nothing: ρ is Greek in Greek, ɪ is right in a transcription. So the decision falls per word: it is repaired when it holds
look-alikes *and* reads as a Vietnamese syllable without them, and, unless it betrays itself (letters of several scripts in one word,
Vietnamese marks on foreign letters), only among words that do.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from html.entities import html5
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

from nlp.legacy import undo_legacy
from nlp.syllables import QUALITIES, TONES, is_syllable
from nlp.words import dictionary_syllables

VERSION = 3
"""Raise it when `repair` may give another text."""


class Repaired(NamedTuple):
    """A repaired text, and whether letters had been disguised deliberately."""

    text: str
    obfuscated: bool


def repair(text: str) -> Repaired:
    """`text` in NFC, without invisible and control characters, with disguised letters undone.

    Letters left as HTML wrote them (`&aacute;`, `&#7879;`) and lines in an encoding of before Unicode (`nlp.legacy`) are put right.
    Line ends become line feeds; other control characters, soft hyphens and zero-width characters go (those that emoji and
    other scripts need stay); lone surrogates become U+FFFD. A word that is right in any language stays as it is, and a spelling
    such as `hoà` for `hòa` too. Applying it twice changes nothing more. Time grows with the length of the text.

    >>> repair("Xây dựng ᴄʜíɴʜ qυʏềɴ đᎥệп tử, trình ᴜʙɴᴅ tỉnh")
    Repaired(text='Xây dựng chính quyền điện tử, trình UBND tỉnh', obfuscated=True)
    >>> repair("Москва, 5 µm, /hɪm/").obfuscated
    False
    """
    for _ in range(4):  # what a hidden character divided may be an entity without it
        before, text = text, clean_characters(undo_legacy(unicodedata.normalize("NFC", undo_entities(text))))
        if text == before:
            break
    obfuscated = False
    for _ in range(4):  # what a repaired word says about its neighbours may decide about another: until nothing changes
        if not _SUSPECT.search(text):
            break
        undone, deliberate = _undisguise(text)
        obfuscated = obfuscated or deliberate
        if undone == text:
            break
        text = undone
    return Repaired(text, obfuscated)


_ENTITY = re.compile(r"&(?:(?:amp|AMP|#0*38|#[xX]0*26);)*(?:([A-Za-z][A-Za-z0-9]{1,30});|#([0-9]{1,7});|#[xX]([0-9A-Fa-f]{1,6});)?")


def undo_entities(text: str) -> str:
    """`text` with HTML's spellings of letters, quotation marks, dashes, spaces and of & undone, also where they were spelt twice.

    What would make new mark-up (`&lt;`, `&#97;`) stays as it is written.

    >>> undo_entities("B&agrave; R&#7883;a, AT&amp;T, &amp;quot;g&amp;iacute;&quot;, R&D; &lt;b&gt;")
    'Bà Rịa, AT&T, "gí", R&D; &lt;b&gt;'
    """
    if "&" not in text or ";" not in text:
        return text
    return _ENTITY.sub(_undo_entity, text)


def _undo_entity(match: re.Match[str]) -> str:
    name, decimal, hexadecimal = match.groups()
    if name:
        letter = html5.get(name + ";", "")
    else:
        code = int(decimal or hexadecimal or "0", 10 if decimal else 16)
        letter = chr(code) if 0xA0 <= code < 0xD800 or 0xE000 <= code <= 0x10FFFF or code in (34, 39) else ""
    if len(letter) == 1 and (letter in "\"'" or letter >= "\u00a0"):
        return letter
    return "&" + _AMPS.sub("", match.group())


_AMPS = re.compile(r"^&(?:(?:amp|AMP|#0*38|#[xX]0*26);)*")

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_GONE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u2060-\u2064\ufeff\ufff9-\ufffb]")
_DIVIDED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u18af"
_DIVIDER = re.compile(f"(?<![{_DIVIDED}])[\u180e\u200b]+|[\u180e\u200b]+(?![{_DIVIDED}\u180e\u200b])")
"""Zero-width spaces, but not those between words of Thai, Lao, Burmese, Khmer and Tibetan, nor the vowel separator of Mongolian."""
_JOINER = re.compile("[\u200c\u200d]+")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_INVISIBLE = re.compile(
    "(?<=[A-Za-z\u00c0-\u024f\u0300-\u036f\u1d00-\u1dbf\u1e00-\u1eff])"
    "[\u200c\u200d\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""What is invisible behind a Latin letter, though other scripts and emoji need it: fillers, variation selectors, tags."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ORDINARY = re.compile(
    "[\t\n\x20-\x7e\u00a0-\u00ac\u00ae-\u034e\u0350-\u061b\u061d-\u115e\u1161-\u17b3\u17b6-\u180a\u1810-\u200a\u2010-\u2027"
    "\u202f-\u205f\u206a-\u27ff\u2801-\u3163\u3165-\ud7ff]*"
)
"""Characters that none of these expressions finds: the quick way out for ordinary text."""


def clean_characters(text: str) -> str:
    r"""`text` in NFC without invisible and control characters (see `repair`), its letters as they are.

    >>> clean_characters("c\u200bông\u00ad an\ufe0f"), clean_characters("❤\ufe0f") == "❤\ufe0f"
    ('công an', True)
    """
    if _ORDINARY.fullmatch(text):
        return unicodedata.normalize("NFC", text)
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _GONE.sub("", _LINE_END.sub("\n", text))
    text = _INVISIBLE.sub("", _DIVIDER.sub("", text))
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    text = _JOINER.sub(lambda match: match.group() if _joins(text, *match.span()) else "", text)
    return unicodedata.normalize("NFC", text)


_LATIN = re.compile("[A-Za-z\u00c0-\u036f\u1e00-\u1eff]")


def _joins(text: str, start: int, end: int) -> bool:
    """Whether zero-width (non-)joiners stand between what they can join: emoji or letters of a script with joiners."""
    before = text[start - 1 : start]
    return bool(before and not _LATIN.match(text, end)) and (
        before in "\ufe0f\u20e3" or (unicodedata.category(before) in ("Lo", "Mc", "So", "Sk", "Mn") and before > "\u036f")
    )


# --- look-alike letters ---------------------------------------------------------------------------------------------

_MORE_SHAPES = """
ß= ʙb ꞵb βb ϐb вb Ьb ьb ƅb ƀb ɓb ϲc ⅽc ᴐc ƈc сc ꮯc ꓚC Ϲc ⅾd ժd ɖd ᏧD ꓓD Ꭰd еe ҽe ℮e ɛe єe ꓰE ƒf ꞙf ғf ꓝF ϝf ցg ƍg ɠg ԍg Ꮐg ꓖG һh
հh ɦh ħh Ꮒh ꓧH ɪi ӏi іi ɨi ⅰi ꭵi ꓲI Ӏi ȷj ϳj ʝj յj ꓙJ κk ƙk қk ҟk ҝk ꮶk ꓗK ⅼl ӏl ɭl łl ʅl ⳑl Ꮮl լl ꓡL ⅿm ɱm ꮇm ꓟM пn ռn ղn ƞn ɲn
ɳn ŋn ηn ꓠN Ϻm Νn Ƭt ƌđ Ƅb Ԁd ԁd ƍg Ɠg Ƙk Ƙk Ʌa Ƞn ɳn ҵu ӎm σo օo ⲟo ᴑo ꝋo Ոo ဝo ꓳO Օo ⲣp ƥp ҏp ᏢP ꓑP ϙq զq գq гr ꭇr ɾr ɼr ʀr ꓣR
Ꮢr ѕs ʂs ꜱs ƽs Տs ꓢS Ꮥs τt ƭt ʈt ҭt եt ꭲt Ŧt ꓔT սu ʋv ꞟu µ= ʊu цu ꓴU Սu νv ѵv ꮩv ꓦV Ꮙv ѡw ԝw ωw шw ɯw աw ᏔW ꓪW χx ⅹx ҳx ӿx ꓫX үy
ɣy ұy ỿy ꓬY Ꮍy ʐz ʑz ȥz ꓜZ Ꮓz ꭰd ꭼe ꮋh ꮲp ꮪs ꮢr ꭺa ꮮl ꮐg ɐa ɒa ǝe ӕ= дd λl лl ծ= қk ҡk ӄk ңn ӈn тt ҫc ҁc ʗc ԛq ӽx ʏy ƴy ϒy ҮY ԜW
ԚQ Ғf Қk Ԍg Һh
"""
"""Shapes beyond the shipped table, letter and what it looks like; "=" marks a letter that is never taken for another."""

_SECOND_READINGS = {
    "п": "p",
    "н": "n",
    "и": "u",
    "υ": "y",
    "ν": "n",
    "η": "h",
    "γ": "v",
    "ι": "l",
    "І": "l",
    "Ι": "l",
    "ց": "q",
    "ո": "u",
    "ɩ": "l",
    "в": "v",
    "ρ": "r",
    "ӏ": "l",
    "Ӏ": "l",
    "ʋ": "u",
    "Ʋ": "U",
    "ᶌ": "y",
    "ɗ": "d",
    "Ɗ": "D",
    "ſ": "f",
    "Ɩ": "l",
}
"""What else a letter is used for; tried when the first reading is no syllable."""

_NAMED = re.compile(
    r"(?:(?:CYRILLIC|GREEK|CHEROKEE|ARMENIAN|LISU) )?(?:LATIN LETTER SMALL CAPITAL|MODIFIER LETTER (?:SMALL|CAPITAL)|LATIN SMALL LETTER"
    r"|LATIN SUBSCRIPT SMALL LETTER|LATIN CAPITAL LETTER|COMBINING LATIN SMALL LETTER|NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL LETTER"
    r"|SQUARED LATIN CAPITAL LETTER) (?:SCRIPT )?([A-Z])"
    r"(?: WITH (?:HOOK|STROKE|TAIL|PALATAL HOOK|RETROFLEX HOOK|MIDDLE TILDE|CURL|SWASH TAIL|BELT|DESCENDER|FLOURISH|TOPBAR|FISHHOOK"
    r"|CROSSED-TAIL|LONG LEG|NOTCH))?"
)

_OVERLAYS = frozenset("\u0332\u0333\u0334\u0335\u0336\u0337\u0338\u0330\u0331\u0324\u0325\u032d\u033f\u0305\u20d2\u20d3")
"""Lines drawn over or under letters: no Vietnamese word has them."""

NATURAL, FAKE, EXTENDED = "natural", "fake", "extended"
"""Where a look-alike comes from: a living script; an alphabet that no language is written in; an unusual Latin letter."""


class Lookalike(NamedTuple):
    """A letter that looks like another.

    Attributes:
        readings: the letters of a Vietnamese keyboard that it may stand for, likeliest first.
        kind: NATURAL, FAKE or EXTENDED.
        cased: whether it tells capital from small.
    """

    readings: tuple[str, ...]
    kind: str
    cased: bool


@cache
def _table() -> dict[str, str]:
    table: dict[str, str] = json.loads((Path(__file__).parent / "data" / "homoglyphs.json").read_text(encoding="utf-8"))
    never = set()
    for entry in _MORE_SHAPES.split():
        letter, shape = entry[0], entry[1:]
        if shape == "=":
            never.add(letter)
        else:
            table.setdefault(letter, shape)
    shapes: dict[str, str] = json.loads((Path(__file__).parent / "data" / "confusables.json").read_text(encoding="utf-8"))
    for shape, letters in shapes.items():
        for letter in letters:
            table.setdefault(letter, shape)
    return {letter: shape for letter, shape in table.items() if letter not in never and not letter.isascii()}


@lru_cache(maxsize=8192)
def lookalike(letter: str) -> Lookalike | None:
    """What a base letter (without marks) looks like, or None when it is plain or looks like nothing.

    By table, else by its Unicode name or compatibility form: small capitals, mathematical and full-width alphabets, letters in circles.

    >>> lookalike("ᴛ").readings, lookalike("𝗯").readings, lookalike("b"), lookalike("ж")
    (('t',), ('b',), None, None)
    """
    if letter in _PLAIN or len(letter) != 1 or letter in "ªº":
        return None
    name = unicodedata.name(letter, "")
    if name.startswith("REGIONAL"):
        return None
    shape = _table().get(letter)
    if shape is None and letter.lower() != letter and (small := _table().get(letter.lower())):
        shape = small.upper()
    if shape is None:
        compatible = unicodedata.normalize("NFKC", letter)
        if len(compatible) == 1 and compatible in _PLAIN and letter != "µ":
            shape = compatible
        elif len(compatible) == 1 and compatible != letter and letter != "µ" and (other := lookalike(compatible)):
            return Lookalike(other.readings, FAKE, cased=True)  # 𝛂 is a mathematical α, which looks like a
        elif found := _NAMED.fullmatch(name):
            shape = found[1] if "CAPITAL LETTER" in name and "SMALL CAPITAL" not in name else found[1].lower()
        else:
            return None
    readings = (shape, *_SECOND_READINGS.get(letter, ""), *("l" if shape == "I" else ""))
    if letter in _PHONETIC or (name.startswith("LATIN") and not _SMALL_CAPITAL.match(name)):
        kind = EXTENDED
    elif _MADE_UP.match(name):
        kind = FAKE
    else:
        kind = NATURAL
    cased = (
        letter.isupper()
        or (letter.islower() and letter.upper() != letter and kind != FAKE)
        or ("CAPITAL" in name and "SMALL CAPITAL" not in name)
    )
    if "MATHEMATICAL" in name or "FULLWIDTH" in name:
        cased = True
    if letter.isupper() != shape.isupper():
        cased = False  # Ƅ is a capital that looks like a small b
    if name.startswith("CHEROKEE"):
        cased = False
    return Lookalike(readings, kind, cased)


_SMALL_CAPITAL = re.compile("LATIN (?:LETTER SMALL CAPITAL|SUBSCRIPT)")
_MADE_UP = re.compile(
    f"{_SMALL_CAPITAL.pattern}|LISU|MATHEMATICAL|FULLWIDTH|(?:NEGATIVE )?(?:CIRCLED|SQUARED|PARENTHESIZED)|MODIFIER|(?:SUPER|SUB)?SCRIPT"
    "|BLACK-LETTER|DOUBLE-STRUCK|(?:SMALL )?ROMAN|PLANCK|KELVIN|INFORMATION|ESTIMATED|EULER|APL|GREEK (?:VOCAL|INSTRUMENTAL)|COMBINING"
)
"""Names of letters that are no living script's: made for mathematics, for width, as signs."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZđĐ")
_PHONETIC = frozenset("ɪʏɴʀʟɢʜʙɑɡɩɛ")
"""Letters of phonetic transcription that disguises use too."""

_LIVING = frozenset("ŋɖɗɓƀƈƙɛɔƒɣɠʋƴɩʊɲɨʉɑɯəǝħŧłɫ")
"""Unusual Latin letters that languages with tone marks are written in: Êđê, Jarai, Bahnar, Ewe, Hausa, Lingala, Ngiemboon."""

_HIGHLANDS = frozenset("ƀɓ")
"""Letters of the Central Highlands, whose languages have horns, but no tones: Êđê, Jarai, Bahnar, Mnông."""

_SUSPECT = re.compile(
    "[^\x00-\x7f\u00a0-\u00af\u00b0-\u00b4\u00b6-\u00cf\u00d1-\u00ef\u00f1-\u0130\u0132-\u0137\u0139-\u0148\u014a-\u0180\u0182-\u0188\u018a-\u0191\u0193-\u024f"
    "\u1e00-\u1eff\u2000-\u206f\u20a0-\u20cf\u2190-\u22ff\u2500-\u27bf\u3000-\u9fff\uac00-\ud7ff\ufffd\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]"
)
"""Only a text with such a character can hold a disguised word: the quick way out for ordinary text."""

_WORD = re.compile("(?:[^\\W\\d_]|[\u0300-\u036f\u20d2\u20d3Ⓐ-ⓩ🄫🄬🅐-🅩🄰-🅉🅰-🆉⒜-⒵🄐-🄩⍺⍳⍴℮𝈍𝈓𝈖𝈪])+")
_DOTTED = re.compile(f"{_WORD.pattern}(?:\\.{_WORD.pattern}){{0,5}}")
_LONGEST = 40
"""Code points of the longest word that is looked at."""

_PHONETIC_SPAN = re.compile(r"/[^/\n]{1,60}/|\[[^\[\]\n]{1,60}\]")
_SENTENCE_BEGIN = re.compile(r"(?:^|[.!?…\n])[\s\"'“‘«(\-–•*]*$")


class _Word(NamedTuple):
    """A word of a text: where it stands, and what `_Reading` says of it."""

    start: int
    end: int
    text: str
    repaired: str | None
    certain: bool
    foreign: bool
    telling: int
    whole: bool


def _undisguise(text: str) -> tuple[str, bool]:
    words = list(_read_words(text))
    phonetic = [match.span() for match in _PHONETIC_SPAN.finditer(text) if _is_phonetic(match.group())]
    spoken = iter(phonetic)
    span = next(spoken, None)
    kept: list[_Word] = []
    for index, word in enumerate(words):
        while span and span[1] <= word.start:
            span = next(spoken, None)
        if span and span[0] <= word.start:
            continue
        neighbours = words[max(0, index - 1) : index] + words[index + 1 : index + 2]
        if word.repaired is not None and not any(other.foreign for other in neighbours):
            kept.append(word)
    certain = [word for word in kept if word.certain]
    telling = [word for word in certain if word.telling]
    deliberate = any(word.telling > 1 for word in telling) or len(telling) > 1
    used = frozenset[str]().union(*(_alphabets(word.text) for word in certain))
    chosen = [
        word for word in kept if word.certain or (deliberate and (not word.whole or len(certain) >= 3) and used & _alphabets(word.text))
    ]
    if not chosen:
        return text, False
    parts: list[str] = []
    behind = 0
    for word in chosen:
        parts += [text[behind : word.start], _with_capital(text, word)]
        behind = word.end
    parts.append(text[behind:])
    return unicodedata.normalize("NFC", "".join(parts)), deliberate


@lru_cache(maxsize=4096)
def _alphabets(word: str) -> frozenset[str]:
    """Where the look-alikes of a word are taken from ("LATIN LETTER SMALL CAPITAL", …): one text keeps to a few."""
    return frozenset(
        "LATIN" if found.kind == EXTENDED and character not in _PHONETIC else unicodedata.name(character, "").rpartition(" ")[0]
        for character in unicodedata.normalize("NFD", word)
        if not unicodedata.combining(character) and (found := lookalike(character))
    )


def _read_words(text: str) -> Iterator[_Word]:
    for compound in _DOTTED.finditer(text):
        start, word = compound.start(), compound.group()
        if "." in word and len(word) <= _LONGEST and not word.isascii():
            joined = _read_word(word.replace(".", ""))
            if joined.certain and joined.repaired is not None and is_syllable(joined.repaired):
                yield _Word(start, compound.end(), word, *joined)
                continue
        for match in _WORD.finditer(word):
            yield _Word(start + match.start(), start + match.end(), match.group(), *_read_word(match.group()))


class _Reading(NamedTuple):
    """What one word says by itself.

    Attributes:
        repaired: the word without its disguise, or None when it stays.
        certain: it betrays itself; without this it is repaired only among words that do.
        foreign: written in a living script, and no disguise.
        telling: how strongly it speaks of intent: 0 a typing slip, 1 one foreign letter, 2 made-up alphabets or several letters.
        whole: no plain letter at all, of living scripts only: repaired only in a text full of disguised words.
    """

    repaired: str | None = None
    certain: bool = False
    foreign: bool = False
    telling: int = 0
    whole: bool = False


@lru_cache(maxsize=16384)
def _read_word(word: str) -> _Reading:
    if word.isascii() or len(word) > _LONGEST:
        return _Reading()
    marks = overlays = strays = plain = 0
    kinds: list[str] = []
    letters: list[tuple[tuple[str, ...], bool | None]] = []  # readings; True capital, False small, None: it does not tell
    unreadable = False
    scripts = set()
    only_vietnamese = _only_vietnamese(word)
    base = ""
    for character in unicodedata.normalize("NFD", word):
        if not unicodedata.combining(character):
            base = character
        if character in TONES or character in QUALITIES:
            marks += 1
            letters.append(((character,), None))
        elif character in _OVERLAYS:
            overlays += 1
        elif unicodedata.combining(character):
            # letters that some language writes (ċ, ñ, ö) are composed in Unicode; what is not, nobody writes; Êđê has č beside ư
            if (only_vietnamese and character != "\u030c") or len(unicodedata.normalize("NFC", base + character)) > 1:
                strays += 1
            else:
                unreadable = True
        elif character in _PLAIN:
            plain += 1
            letters.append(((character,), character.isupper()))
        elif found := lookalike(character):
            kinds.append(found.kind)
            scripts.add(unicodedata.name(character).split()[0] if found.kind == NATURAL else found.kind)
            shape_is_capital = found.readings[0].isupper()
            # scripts without case have letters that look like capitals: told only where a capital may stand
            case = (character.isupper() or shape_is_capital) if found.cased else True if shape_is_capital and not letters else None
            letters.append((found.readings, case))
        else:
            scripts.add(unicodedata.name(character, "?").split()[0])
            unreadable = True
    natural_only = not plain and bool(scripts) and not scripts & {FAKE, EXTENDED}
    if not kinds and not overlays and not strays:
        return _Reading(foreign=unreadable and not plain and len(word) > 1)
    whole = not plain and set(kinds) == {NATURAL}
    if unreadable:
        return _Reading(foreign=natural_only)
    size = len(letters) - marks
    options = [readings for readings, _ in letters]
    best: str | None = None
    chosen = tuple(readings[0] for readings in options)
    for choice in islice(product(*options), 64):
        candidate = unicodedata.normalize("NFC", "".join(choice))
        if is_syllable(candidate) and (best is None or _likelier(candidate, best)):
            best, chosen = candidate, choice
    syllable = best is not None
    # a capital I that stands for a small l is no capital
    letters = [
        ((reading,), case and not (reading == "l" and readings[0] == "I"))
        for reading, (readings, case) in zip(chosen, letters, strict=True)
    ]
    if best is None:
        first = unicodedata.normalize("NFC", "".join(chosen))
        mixture = plain and size > 2 and EXTENDED not in kinds and word[0] not in "μµ"
        if is_syllable(first, toneless=True) or (marks == 0 and (mixture or (FAKE in kinds and len(kinds) > 1))):
            best = first
    if best is None or (whole and size == 1 and not only_vietnamese):
        return _Reading(foreign=whole and len(word) > 1, whole=whole)
    mixed = bool(plain) or len(scripts) > 1
    strange = len(kinds) - kinds.count(EXTENDED)
    typing_slip = set(word) & set("ðÐƉɗ") and len(kinds) == 1
    if typing_slip:
        certain = syllable and _is_vietnamese(best)
    elif not syllable or (word[0] == "μ" and size < 3) or (whole and len(scripts) == 1):
        certain = False
    elif strange or overlays > 1 or strays > 1:
        certain = (mixed and size > 2) or marks > 0
    elif strays and not kinds:
        certain = only_vietnamese
    else:
        capitals = all("SMALL CAPITAL" in alphabet for alphabet in _alphabets(word))
        vietnamese = only_vietnamese if set(word.lower()) & _LIVING else _is_vietnamese(best)
        if set(word.lower()) & _HIGHLANDS:
            vietnamese = vietnamese and any(mark in TONES for mark in unicodedata.normalize("NFD", word))
        certain = marks > 0 and (mixed or len(kinds) > 1) and (capitals or vietnamese)
    telling = 0 if typing_slip or "ı" in word else 2 if FAKE in kinds or len(kinds) > 1 or overlays > 1 else 1
    scarce = whole or FAKE not in kinds
    return _Reading(_cased(best, letters, syllable), certain, False, telling, scarce)


def _likelier(one: str, other: str) -> bool:
    """Whether only `one` of two possible syllables is in the dictionary ("là" rather than "ià")."""
    return one.lower() in dictionary_syllables() and other.lower() not in dictionary_syllables()


def _only_vietnamese(word: str) -> bool:
    """Whether a word has a horn or a hook above, or a vowel's mark and a tone: no other language writes these."""
    marks = set(unicodedata.normalize("NFD", word))
    return bool(marks & {"\u0309", "\u031b"}) or bool(marks.intersection("\u0302\u0306") and marks.intersection(TONES))


def _is_vietnamese(word: str) -> bool:
    """Whether a syllable has a letter that Icelandic, Hausa and their like do not have, besides đ."""
    return any(character in "\u0300\u0303\u0309\u0323\u0302\u0306\u031b" for character in unicodedata.normalize("NFD", word))


def _cased(word: str, letters: list[tuple[tuple[str, ...], bool | None]], syllable: bool) -> str:
    """`word` in the case that its telling letters show; a word wholly in small capitals that is no syllable is an abbreviation."""
    signs = [case for readings, case in letters if not unicodedata.combining(readings[0])]
    known = [case for case in signs if case is not None]
    if not known:
        return word.lower() if syllable and len(word) > 1 else word.upper()
    if not syllable and all(known):
        return word.upper()
    result: list[str] = []
    index = -1
    for character in unicodedata.normalize("NFD", word):
        if unicodedata.combining(character):
            result.append(character)
            continue
        index += 1
        # đ decomposes to itself, so bases and signs stand side by side
        case = signs[index] if index < len(signs) else None
        if case is None:
            before = next((sign for sign in reversed(signs[:index]) if sign is not None), None)
            after = next((sign for sign in signs[index + 1 :] if sign is not None), None)
            case = (before is True and after is True) or (before is True and after is None and not syllable)
        result.append(character.upper() if case else character.lower())
    return unicodedata.normalize("NFC", "".join(result))


def _with_capital(text: str, word: _Word) -> str:
    """The repaired word; with a capital where its first letter could not tell and a sentence or a place name begins there."""
    repaired = word.repaired or word.text
    repaired = _PROPER.get(repaired.lower(), repaired)
    first = unicodedata.normalize("NFD", word.text)[0]
    found = lookalike(first)
    if found is None or found.cased or not repaired[:1].islower():
        return repaired
    before = text[max(0, word.start - 12) : word.start]
    if _SENTENCE_BEGIN.search(before) and (word.start <= 12 or "\n" in before or before.strip(" \"'“‘«(-–•*")):
        return repaired[:1].upper() + repaired[1:]
    following = _NEXT_WORD.match(text, word.end)
    if following and following[1][:1].isupper() and f"{repaired} {following[1]}".lower() in _names_of_two():
        return repaired[:1].upper() + repaired[1:]
    return repaired


_NEXT_WORD = re.compile(r" ([^\W\d_]+)")
_PROPER = {
    "vietimes": "VieTimes",
    "viettimes": "VietTimes",
    "ictnews": "ICTNews",
    "vietnamnet": "VietNamNet",
    "vnexpress": "VnExpress",
    "vtv": "VTV",
}
"""Outlets whose capitals a disguise loses."""


@cache
def _names_of_two() -> frozenset[str]:
    from nlp.gazetteer import short_names

    return frozenset(name.lower() for name in short_names() if name.count(" ") == 1)


def _is_phonetic(span: str) -> bool:
    inner = span[1:-1]
    return (
        any(0x250 <= ord(c) <= 0x2FF or c in "θðæŋβχ" for c in inner)
        and not any(_is_vietnamese(c) for c in inner)
        and inner == inner.lower()
    )
