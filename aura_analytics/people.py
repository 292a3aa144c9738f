"""Whether two names are one person's, and whether a name may sign at all."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["RULE", "no_signature", "same_person"]

# letters of other alphabets, and digits, that look like Latin letters
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏкмтвнοανρτυικεγωздгпиԛԝꜱɡɩıℓⅼᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢłøđɑαօոսհցզյ",
    "aeopcyxijsdhlkmtbhoavptuikeywzgrnuqwsgiillabcdeghijklmnoprtuvwyzlodaaonuhqqj",
)
_DIGITS = str.maketrans("013457$@", "oleastsa")
_CONFUSED = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC"}  # alphabets that share shapes
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_TITLES = re.compile("mr|mrs|ms|miss|mx|dr|prof|sir|dame|hr|herr|frau|mme|jr|sr|mailto|smtp|sip")
_NOBODY = re.compile(
    "|system|aura|auto|automatic|automated|bot|machine|daemon|cron|script|service|nobody|none|null|nil|nan|n ?a|true|false|yes|no"
    "|ok|unknown|anonymous|undefined|tbd|accountant|ladder|policy|router|default"
)
RULE = "rule "  # what a proposal says that no person made, before the rule's name
_STEM = 4  # letters, from which on the beginning of a name stands for the name


def no_signature(name: object) -> str | None:
    """Why a name is nobody's who could sign, in words; None when it may be somebody's.

    Examples
    --------
    >>> no_signature("A. Lee"), no_signature("  "), no_signature("System")
    (None, 'nobody is named', "'System' is no person's name")
    """
    if not isinstance(name, str) or not name.strip():
        return "nobody is named" if name is None or isinstance(name, str) else f"{name!r} is no name"
    words = _words(name)
    by_a_rule = name.strip().casefold().startswith(RULE)
    if not words or by_a_rule or _NOBODY.fullmatch(" ".join(words)) or not re.search(r"[^\W\d_]", name):
        return f"{name.strip()!r} is no person's name"
    if any(len(_scripts(word)) > 1 for word in re.findall(r"[^\W\d_]+", name)):
        return f"{name.strip()!r} mixes letters of several alphabets in one word"
    return None


def same_person(one: str, other: str) -> bool:
    """Whether two names may be meant for one person.

    They are, however they are written: in another case, order or normal form, with look-alike letters, titles, remarks in brackets,
    initials, a shortened name, or a tag after a plus sign; with or without what stands after an @ or before a backslash. A stranger
    with much the same name is refused rather than somebody signing for themselves.

    Examples
    --------
    >>> same_person("anne.lee@agency.gov", "A. Lee (HR)"), same_person("anne.lee@agency.gov", "bob.lee@agency.gov")
    (True, False)
    """
    first, second = _words(one), _words(other)
    return _alike(first, second) or any(_alike(_latin(first, tails), _latin(second, tails)) for tails in (False, True))


def _alike(one: list[str], other: list[str]) -> bool:
    if not one or not other:
        return False
    if sorted(one) == sorted(other):
        return True
    joined = ["".join(one), "".join(other)]
    if joined[0] == joined[1]:
        return True
    short, long = sorted(joined, key=len)
    # the beginning of a name, but not of a number
    if len(short) >= _STEM and long.startswith(short) and not (short[-1].isdigit() and long[len(short)].isdigit()):
        return True
    return _matched(one, other) or _contracted(one, other) or _contracted(other, one)


def _matched(one: list[str], other: list[str]) -> bool:
    """Whether every part of the shorter name has a partner in the longer one; initials need a whole part beside them."""
    few, many = sorted((one, other), key=len)
    left, whole, initials = list(many), 0, 0
    for part in sorted(few, key=len, reverse=True):
        partner = next((word for word in left if word == part), None)
        if partner is None:
            partner = next((word for word in left if _shortened(part, word)), None)
            initials += partner is not None
        else:
            whole += len(part) > 1
        if partner is None:
            return False
        left.remove(partner)
    return whole > 0 or (initials == len(few) == len(many) > 1)


def _shortened(one: str, other: str) -> bool:
    """Whether one part of a name is the beginning of the other, an initial for one."""
    short, long = sorted((one, other), key=len)
    return short.isalpha() and long.startswith(short)


def _contracted(one: list[str], other: list[str]) -> bool:
    """Whether a name of one word is made of the other's parts: `alee`, `annel`, `leea`, `al`."""
    if len(one) != 1 or len(other) < 2:
        return False
    first, last = other[0], other[-1]
    made = {first[0] + last, last + first[0], first + last[0], last[0] + first, "".join(part[0] for part in other)}
    made |= {first[:n] + last for n in (2, 3)} | {last[:n] + first for n in (2, 3)} | {first + last, last + first}
    made |= {"".join(part[0] for part in other[:-1]) + last}
    return one[0].rstrip("0123456789") in made


def _words(name: str) -> list[str]:
    """What is left of a name without case, accents, separators, invisible characters, titles, remarks and the place after an @."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LOOKALIKES)
    kept = "".join(character for character in plain if unicodedata.category(character) not in ("Cf", "Cc", "Mn"))
    kept = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", kept) if re.sub(r"\([^)]*\)|\[[^\]]*\]", "", kept).strip() else kept
    address = re.search(r"[\w.+\-']+(?=\s*@)", kept)
    kept = re.split(r"[\\/]", kept)[-1] if address is None else address.group()
    kept = kept.split("+")[0] or kept
    found = re.findall(r"[^\W_]+", kept)
    return [word for word in found if not _TITLES.fullmatch(word)] or found


def _latin(words: list[str], tails: bool) -> list[str]:  # noqa: FBT001
    """Words whose digits stand for letters, those at their ends as well or not, or whose pairs of letters for one."""
    found = []
    for word in words:
        stem = word if tails else word.rstrip("0123456789")
        plain = stem.translate(_DIGITS) + word[len(stem) :] if re.search(r"[^\W\d_]", word) else word
        for pair, letter in _PAIRS:
            plain = plain.replace(pair, letter)
        found.append(plain)
    return found


def _scripts(word: str) -> set[str]:
    letters = [letter for letter in unicodedata.normalize("NFKC", word) if letter.isalpha()]
    return {unicodedata.name(letter, "?").split()[0] for letter in letters} & _CONFUSED
