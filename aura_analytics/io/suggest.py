"""A first mapping for a log, from its columns' names and what stands in them, with the reason for every line.

It is a guess to be read and mended, never an answer: what words mean, only people know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.errors import MappingError, Problem
from aura_analytics.io.log_table import log_rows
from aura_analytics.io.log_words import moment_of, says_of, step_of
from aura_analytics.io.looked_at import Looked, looked_at, paths
from aura_analytics.io.mapping import LogMapping

__all__ = ["Suggestion", "suggest_mapping"]

_LOOKED_AT = 20_000  # rows
_FEW = 60  # different words that may be activities or verdicts
_STANDARD = {
    "case": "case:concept:name",
    "activity": "concept:name",
    "actor": "org:resource",
    "time": "time:timestamp",
}  # IEEE 1849


@dataclass
class Suggestion:
    """A first mapping.

    Attributes
    ----------
    text
        Its YAML, with the reason for every line.
    mapping
        The same, read.
    doubts
        What somebody has to look at.
    """

    text: str
    mapping: LogMapping
    doubts: list[str] = field(default_factory=list)


def suggest_mapping(path: str | Path | Sequence[str | Path], *, name: str | None = None) -> Suggestion:
    r"""Look at a log and write a first mapping for it.

    Parameters
    ----------
    path
        The log, as `import_log` takes it.
    name
        Name of the mapping; by default that of the file.

    Returns
    -------
    Suggestion
        To be read by somebody who knows the log: which column is what is guessed from names and contents.

    Raises
    ------
    MappingError
        If no column looks like a case, or none like a time.
    FileMissingError, FileFormatError
        As `import_log`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = log.write_text("claim,step,at,who\nC1,filed,2026-01-05 09:00,anne\nC1,closed,2026-01-06 09:00,anne\n")
    >>> found = suggest_mapping(log)
    >>> found.mapping.columns.case, [rule.activity for rule in found.mapping.open + found.mapping.resolve]
    ('claim', ['filed', 'closed'])
    """
    log = log_rows(path)
    frame = log.frame.head(_LOOKED_AT)
    if not frame.height:
        raise MappingError(Problem("the log holds no rows", where=str(path)))
    columns = [looked_at(frame, one) for one in paths(frame)]
    columns = [one for one in columns if len(one.texts)]
    guess = _Guess(frame, columns, str(path))
    said = guess.written(name or Path(str(path if isinstance(path, (str, Path)) else path[0])).stem.split(".")[0])
    from aura_analytics.yaml_text import loaded

    return Suggestion(said, LogMapping.model_validate(loaded(said.encode(), "suggestion")), guess.doubts)


class _Guess:
    def __init__(self, frame: pl.DataFrame, columns: list[Looked], where: str) -> None:
        self.frame, self.columns, self.where = frame, columns, where
        self.doubts: list[str] = []
        self.times = [
            one for one in columns if (one.form is not None and not one.is_number()) or (one.form or "").startswith("epoch")
        ]
        if not self.times:
            raise MappingError(
                Problem("no column holds times", [one.name for one in columns], "ISO 8601, day and month, or epochs", where)
            )
        self.rest = [one for one in columns if one not in self.times]
        self.case = self._case()

    def _case(self) -> Looked:
        rows = self.frame.height
        standard = [one for one in self.columns if one.name == _STANDARD["case"]]
        if standard:
            return standard[0]
        named = [one for one in self.rest if one.called("case") and len(one.texts) > 0.9 * rows]
        others = [one for one in self.rest if len(one.texts) > 0.9 * rows and one.texts.n_unique() > rows / 20]
        found = named or others or [one for one in self.rest if one.called("case")]
        if not found:
            raise MappingError(
                Problem(
                    "no column looks like a case", [one.name for one in self.columns], "a column that says which case", self.where
                )
            )
        return max(found, key=lambda one: (one in named, one.texts.n_unique()))

    def _first(self, what: str, among: list[Looked], fits: Any = None) -> Looked | None:
        named = [one for one in among if one.called(what) and one is not self.case and (fits is None or fits(one))]
        named.sort(key=lambda one: one.name != _STANDARD.get(what))
        return named[0] if named else None

    def written(self, name: str) -> str:
        """The mapping as YAML."""
        wide = self.case.texts.n_unique() > 0.98 * self.frame.height and (len(self.times) > 1 or self._pair() is not None)
        lines = [
            f"name: {_quoted(re.sub(r'[^A-Za-z0-9_]+', '_', name) or 'log')}",
            "# A guess from names and contents: read every line.",
        ]
        lines += self._wide() if wide else self._long()
        return "\n".join(lines) + "\n"

    def _columns(self, parts: dict[str, tuple[Looked | None, str]]) -> list[str]:
        return ["columns:"] + [f"  {key}: {_quoted(one.name)}  # {why}" for key, (one, why) in parts.items() if one is not None]

    def _time(self, used: list[Looked]) -> list[str]:
        form = next((one.form for one in used if one.form != "iso"), "iso") or "iso"
        options = form.split("|")
        lines = ["time:"]
        if len(options) > 1:
            self.doubts.append(f"times may be read in {len(options)} ways: {', '.join(options)}; the first was taken")
        if options[0] != "iso":
            lines.append(
                f"  format: {_quoted(options[0])}  # {_shown(used[0].texts[:1])}"
                + (f"; or {', '.join(options[1:])}" if options[1:] else "")
            )
        naive = not form.startswith("epoch") and not used[0].texts.head(100).str.contains(r"([+-]\d\d:?\d\d|[Zz])$").any()
        if naive:
            lines.append("  zone: UTC  # the times say no zone: if they are local ones, name it: Europe/Amsterdam")
            self.doubts.append("the times say no zone: UTC was taken")
        return lines if len(lines) > 1 else []

    def _kinds(self, *actors: Looked | None) -> list[str]:
        words = {word for one in actors if one is not None for word in one.words[:2_000]}
        machines = sorted(
            word for word in words if re.search(r"(^|[^a-z])(bot|agent|model|ai|llm|gpt|engine)([^a-z]|$)", word, re.IGNORECASE)
        )
        systems = sorted(word for word in words if re.search(r"system|portal|batch|gateway|automat", word, re.IGNORECASE))
        if not machines and not systems:
            return []
        lines = ["actor_kinds:  # everybody else is an officer"]
        lines += [f"  {_quoted(word)}: agent" for word in machines[:20]]
        return lines + [f"  {_quoted(word)}: system" for word in systems[:20] if word not in machines]

    # -- one row a case

    def _pair(self) -> tuple[Looked, Looked] | None:
        """Two columns that speak the same words, one of them the machine's."""
        short = [one for one in self.rest if 1 < one.texts.n_unique() <= _FEW and not one.is_number() and one is not self.case]
        best: tuple[float, Looked, Looked] | None = None
        for advice in short:
            if not advice.called("recommended") or advice.called("truth"):
                continue
            for said in short:
                if said is advice or said.called("truth") or said.called("initial") or said.called("recommended"):
                    continue
                both = set(advice.words) & set(said.words)
                share = len(both) / len(set(advice.words) | set(said.words)) + 0.5 * said.called("verdict")
                if both and (best is None or share > best[0]):
                    best = share, advice, said
        return None if best is None else best[1:]

    def _wide(self) -> list[str]:
        pair = self._pair()
        people = [one for one in self.rest if not one.is_number() and (pair is None or one not in pair)]
        model = self._first("model", people) if pair is not None else None
        actor = self._first("actor", [one for one in people if one is not model])
        queue = self._first("queue", [one for one in people if one not in (model, actor)], lambda one: one.texts.n_unique() <= 500)
        lines = self._columns(
            {
                "case": (self.case, "another value in every row"),
                "actor": (actor, "by its name"),
                "queue": (queue, f"{queue.texts.n_unique() if queue else 0} different ones"),
            }
        )
        moments: dict[str, Looked] = {}
        for one in self.times:
            if moment_of(one.name):
                moments.setdefault(moment_of(one.name), one)
        lines += self._time(list(moments.values()) or self.times)
        if moments:
            lines.append("milestones:  # times that stand in columns of their own")
            lines += [
                f"  {kind}: {_quoted(one.name)}  # by its name; in {len(one.texts):,} of {self.frame.height:,} rows"
                for kind, one in moments.items()
            ]
        if actor is not None and "OPENED" in moments and "ASSIGNED" not in moments:
            begun = _quoted(moments["OPENED"].name)
            lines.append(f"  ASSIGNED: {begun}  # the actor holds the case from its start, if nothing says when it was given")
            self.doubts.append("whom a case was given to, and when, is not said: its actor is taken to hold it from the start")
        if pair is not None:
            lines += self._pairs(pair, model, moments)
        if not moments and pair is None:
            raise MappingError(
                Problem("no time says what happened then", [one.name for one in self.times], "created, closed, ...", self.where)
            )
        return lines + self._kinds(actor)

    def _pairs(self, pair: tuple[Looked, Looked], model: Looked | None, moments: dict[str, Looked]) -> list[str]:
        advice, said = pair
        others = [one for one in self.rest if one not in pair and one is not model]
        unit = self._first("confidence", others, lambda one: one.is_number() and one.numbers().is_between(0, 1).all())
        stars = self._first("stars", others, lambda one: one.is_number() and one.numbers().is_between(1, 5).all())
        same = [one for one in others if one.texts.n_unique() <= _FEW and set(one.words) & set(said.words)]
        lines = ["pairs:  # a row holds what was recommended and what was decided"]
        parts = {
            "recommendation": (advice, f"says {_shown(advice.words[:4])}"),
            "verdict": (said, f"says the same: {_shown(said.words[:4])}"),
            "recommended_by": (model, "by its name"),
            "decided_at": (moments.get("RESOLVED") or self.times[-1], "when the verdict was given"),
            "confidence": (unit, "numbers from 0 to 1"),
            "initial": (self._first("initial", same), "the same words, and its name"),
            "truth": (self._first("truth", same), "the same words, and its name"),
            "stars": (stars, "numbers from 1 to 5"),
        }
        return lines + [f"  {key}: {_quoted(one.name)}  # {why}" for key, (one, why) in parts.items() if one is not None]

    # -- one row for everything that happened

    def _long(self) -> list[str]:
        words = [one for one in self.rest if one is not self.case and not one.is_number()]
        short = [one for one in words if one.texts.n_unique() <= _FEW * 4 and len(one.texts) > 0.9 * self.frame.height]
        activity = self._first("activity", short) or next(iter(short), None)
        if activity is None:
            raise MappingError(
                Problem("no column looks like an activity", [one.name for one in self.columns], "what happened", self.where)
            )
        actor = self._first("actor", [one for one in self.rest if one is not activity])
        self.times.sort(key=lambda one: (one.name != _STANDARD["time"], one.name.startswith("case:")))
        queue = self._first(
            "queue", [one for one in words if one not in (activity, actor)], lambda one: one.texts.n_unique() <= 500
        )
        numbers = [one for one in self.rest if one.is_number() and one is not self.case]
        unit = self._first("confidence", numbers, lambda one: one.numbers().is_between(0, 1).all())
        lines = self._columns(
            {
                "case": (self.case, f"{self.case.texts.n_unique():,} different ones in {self.frame.height:,} rows"),
                "activity": (activity, f"{activity.texts.n_unique()} different ones"),
                "time": (self.times[0], "the first column of times"),
                "actor": (actor, "by its name"),
                "queue": (queue, f"{queue.texts.n_unique() if queue else 0} different ones"),
                "confidence": (unit, "numbers from 0 to 1"),
            }
        )
        return lines + self._time(self.times[:1]) + self._kinds(actor) + self._rules(activity, numbers)

    def _rules(self, activity: Looked, numbers: list[Looked]) -> list[str]:
        stars = self._first("stars", numbers)
        of: dict[str, list[str]] = {}
        for word in activity.words:
            of.setdefault(step_of(word), []).append(word)
        advice, verdicts = of.pop("recommendations", []), of.pop("verdicts", [])
        rated = of.pop("ratings", [])
        if verdicts and "resolve" not in of:
            of["resolve"] = verdicts
        clock = [kind for kind in ("open", "assign", "pause", "resume", "resolve") if of.get(kind)]
        lines = [f"{kind}: [{', '.join(map(_quoted, of[kind]))}]  # by their names" for kind in clock]
        if advice and verdicts:
            known = {_word(word) for word in verdicts}
            told = all(_word(word) in known for word in advice)
            mark = "" if told else "# "
            lines.append(f"{mark}recommendations:  # what a machine said; the words are compared with those of the verdicts")
            lines += [f"{mark}  - {{activity: {_quoted(word)}, says: {_word(word) if told else '?'}}}" for word in advice]
            lines.append(f"{mark}verdicts:")
            lines += [f"{mark}  - {{activity: {_quoted(word)}, says: {_word(word)}}}" for word in verdicts]
            if told:
                self.doubts.append("which verdict is which recommendation's is guessed from words: look at `says`")
            else:
                self.doubts.append("what the recommendations say cannot be guessed: write it in, and take the # away")
        if rated and stars is not None:
            lines.append("ratings:")
            lines += [f"  - {{activity: {_quoted(word)}, value: {_quoted(stars.name)}}}" for word in rated]
        if not lines:
            lines.append(f"open: [{_quoted(activity.words[0])}]  # no activity has a name that says what it is: choose")
            self.doubts.append("no activity has a name that says what it is")
        if of.get(""):
            shown = ", ".join(map(_quoted, of[""][:30]))
            lines.append(f"# not used: {shown}")
        return lines


def _shown(words: Sequence[str] | pl.Series) -> str:
    """Words in a comment: on one line."""
    return ", ".join(" ".join(str(word).split())[:40] for word in words)


def _word(activity: str) -> str:
    return says_of(activity) or _quoted(activity.upper())


def _quoted(word: str) -> str:
    """A text as YAML, in one line."""
    import json

    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_ ./-]*[A-Za-z0-9_]|[A-Za-z_]", word)
    reserved = word.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n", "none")
    return word if plain and not reserved else json.dumps(word, ensure_ascii=False)
