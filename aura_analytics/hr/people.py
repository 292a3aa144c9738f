"""Whether two names are one person's."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


__all__ = ["same_person"]


def same_person(one: str, other: str) -> bool:
    """Whether two names are meant to look alike: however they are written, in whatever order, with or without the part after an @.

    Rather a stranger of the same name is refused than somebody signs for themselves.
    """
    return _alike(_parts(one), _parts(other)) or _alike(_parts(one.split("@")[0]), _parts(other.split("@")[0]))


def _alike(one: list[str], other: list[str]) -> bool:
    """Whether parts of names are the same, run together or in another order."""
    return bool(one) and ("".join(one) == "".join(other) or sorted(one) == sorted(other))


def _parts(name: str) -> list[str]:
    """What is left of a name without case, accents, separators and invisible characters."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_LOOKALIKES)
    kept = "".join(character for character in plain if unicodedata.category(character) not in ("Cf", "Cc", "Mn"))
    return re.findall(r"[^\W_]+", kept) or kept.split()


# letters of other alphabets that look like Latin ones
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһӏкмтвнοανρτυικ", "aeopcyxijsdhlkmtbhoavptuik")
