"""A tuned policy as a file, with where it comes from."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.version import __version__

if TYPE_CHECKING:
    from aura_analytics.widgets.tuner.state import TunerState

__all__ = ["policy_file"]


def policy_file(state: TunerState, author: str, name: str | None = None) -> str:
    """The policy as it is set, with who set it, when, on which data, and how often it is wrong in which worlds.

    Parameters
    ----------
    state
        The tuner.
    author
        Who set it: a name, on one line.
    name
        Of the policy; default the saved one's with `_tuned`.

    Raises
    ------
    ParameterError
        If nobody says who set it.
    """
    from aura_analytics.yaml_text import dumped

    if not author.strip() or len(author.splitlines()) > 1:
        raise ParameterError(Problem("who set the thresholds?", got=author, expected="a name, on one line"))
    # what is at its default is left out; a window of null is not the default
    data = state.policy.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    data["name"] = name or f"{state.saved.name}_tuned"
    lines = [
        f"Tuned from {state.saved.name} version {state.saved.spec.version} by {author.strip()} on "
        f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC, "
        f"aura-analytics {__version__}.",
        f"Data: {state.origin}; dossiers {state.digest}; {len(state.flagged)} of {state.actors.len()} flagged.",
        *_errors(state),
    ]
    text = dumped(data)
    return "".join(f"# {line}\n" for line in lines) + text


def _errors(state: TunerState) -> list[str]:
    wrong, played = state.errors, state.world
    if wrong is None or played is None:
        return []
    scenario, worlds, seed = played
    false = (
        f"{wrong['false_flags']:.3f} ({wrong['false_flags_lo']:.3f} to {wrong['false_flags_hi']:.3f}) false flags per officer-year"
    )
    missed = f"{100 * wrong['missed']:.1f} % ({100 * wrong['missed_lo']:.1f} to {100 * wrong['missed_hi']:.1f}) missed"
    world = hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()
    return [
        f"Worlds: {worlds} of {scenario.name} ({scenario.days} days, {world}), seed {seed}, read every {state.played[2]} days: "
        f"{'nobody there does well' if np.isnan(wrong['false_flags']) else false}, "
        f"{'nobody there is made to underperform' if np.isnan(wrong['missed']) else missed}."
    ]
