"""`aura score`: outputs held against a penalty policy."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aura_analytics.cli.output import Json
from aura_analytics.errors import FileFormatError, FileMissingError, Problem
from aura_analytics.outputs import written_text

__all__ = ["score"]


def score(
    file: Annotated[str, typer.Argument(help="JSON Lines of outputs (output, confidence, min_length), or - for standard input.")],
    policy: Annotated[Path | None, typer.Option(help="Penalty policy (YAML); default the Accountant's own.")] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="File for lines that cannot be scored; without it they are only named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score outputs by a penalty policy. With --json one line an output, for a pipe; exits with 1 when lines could not be
    scored.
    """
    import polars as pl

    from aura_analytics.scoring import PenaltyPolicy, score_frame

    chosen = PenaltyPolicy.seed() if policy is None else PenaltyPolicy.from_yaml(policy)
    lines = _lines(file)
    rows, bad = [], []
    for number, text in lines:
        row = _output(text)
        if isinstance(row, str):
            bad.append((number, text, row))
        else:
            rows.append((number, text, row))
    table = pl.DataFrame(
        {
            "output": pl.Series([_text(row.get("output", "")) for _, _, row in rows], dtype=pl.String),
            "confidence": pl.Series([_number(row.get("confidence", 0)) for _, _, row in rows], dtype=pl.Float64),
            "min_length": pl.Series([_length(row) for _, _, row in rows], dtype=pl.Float64),
        }
    )
    mode = "clip" if chosen.on_invalid == "clip" else "quarantine"
    scored = score_frame(table, chosen.model_copy(update={"on_invalid": mode}))
    shown = scored.select("score", "penalties", pl.col("severity").cast(pl.String), "problem").rows()
    good = []
    for (number, text, row), (points, penalties, severity, problem) in zip(rows, shown, strict=True):
        if problem is not None:
            bad.append((number, text, problem))
        else:
            good.append({**row, "line": number, "score": points, "penalties": penalties, "severity": severity})
    _show_scores(good, as_json=as_json)
    if bad:
        _set_aside(sorted(bad), quarantine, file)
        raise typer.Exit(1)


def _lines(file: str) -> list[tuple[int, str]]:
    if file == "-":
        source = sys.stdin.buffer.read()
    else:
        try:
            source = Path(file).read_bytes()
        except FileNotFoundError:
            raise FileMissingError(
                Problem("no such file", got=file, next="name a file of JSON Lines, or - for standard input")
            ) from None
        except OSError as error:
            raise FileFormatError(Problem("the file cannot be read", got=error.strerror, where=file)) from None
    lines = source.decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n")  # other line ends may stand within a text
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _output(text: str) -> dict[str, Any] | str:
    try:
        text.encode()
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # half of a character, which no output can hold
    except UnicodeEncodeError:
        return "not UTF-8"
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    if not isinstance(found, dict):
        return "not a JSON object"
    if "model_output" in found and not isinstance(found["model_output"], dict):
        return "model_output is no object"
    if isinstance(found.get("model_output"), dict):  # the Accountant's payload
        task = found.get("task")
        found = {**found, **found["model_output"], **({"min_length": task.get("min_length")} if isinstance(task, dict) else {})}
    return found


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        return None
    return float(value)


def _length(row: dict[str, Any]) -> float | None:
    given = row.get("min_length")
    return None if given is None else _number(given) if _number(given) is not None else float("nan")


def _show_scores(good: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in good:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    typer.echo(f"{'line':>6}  {'score':>6}  {'severity':<8}  penalties")
    for row in good:
        typer.echo(f"{row['line']:>6}  {row['score']:>6.2f}  {row['severity']:<8}  {', '.join(row['penalties']) or '-'}")
    if good:
        mean = sum(row["score"] for row in good) / len(good)
        typer.echo(f"{len(good):,} outputs, mean score {mean:.1f}")


def _set_aside(bad: list[tuple[int, str, str]], quarantine: Path | None, file: str) -> None:
    for number, _, why in bad[:10]:
        typer.echo(f"{file}, line {number}: {why}", err=True)
    rest = f", and {len(bad) - 10:,} more" if len(bad) > 10 else ""
    if quarantine is None:
        typer.echo(f"{len(bad):,} lines cannot be scored{rest}; --quarantine FILE keeps them", err=True)
        return
    kept = [
        json.dumps(
            {"line": number, "problem": why, "text": text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")},
            ensure_ascii=False,
        )
        for number, text, why in bad
    ]
    written_text(quarantine, "\n".join(kept) + "\n")
    typer.echo(f"{len(bad):,} lines that cannot be scored set aside in {quarantine}{rest}", err=True)
