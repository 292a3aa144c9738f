"""The metrics that exist, by name: those that come along, those of installed packages, and your own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aura_analytics import extensions
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.metrics.appropriateness import overridden_right_rate, overrides_right_rate
from aura_analytics.metrics.calibration import calibration_gap
from aura_analytics.metrics.case_mix import (
    adjusted_breach_rate,
    adjusted_low_rating_share,
    adjusted_override_rate,
    adjusted_wrong_verdict_rate,
    breach_oe,
    low_rating_oe,
    overridden_oe,
    override_oe,
    wrong_verdict_oe,
)
from aura_analytics.metrics.drills import drill_missed_rate, drill_right_rate
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.metrics.overrides import override_rate
from aura_analytics.metrics.processing import avg_processing_hours, open_cases, processing_hours_median, processing_hours_p90
from aura_analytics.metrics.recommendations import overridden_rate
from aura_analytics.metrics.reliance import (
    accepted_wrong_rate,
    advice_right_rate,
    discernment,
    initial_right_rate,
    leaning,
    missed_wrong_rate,
    over_reliance_rate,
    own_work_rate,
    rair,
    recommended_right_rate,
    rsr,
    team_gain,
    under_reliance_rate,
    verdict_right_rate,
)
from aura_analytics.metrics.satisfaction import sat_case_share, sat_low_share, sat_response_rate, sat_score_mean
from aura_analytics.metrics.scores import score_mean_last10
from aura_analytics.metrics.sla import handed_on, receipt_breach_rate, shared_breach_rate, sla_breach_rate
from aura_analytics.metrics.success import success_rate
from aura_analytics.metrics.suggestions import override_rate_per_suggestion

__all__ = ["DEFAULT", "METRICS", "Catalogue", "MetricsLike", "metric", "metrics_named", "metrics_shown"]

DEFAULT: tuple[Metric, ...] = (
    override_rate,
    override_rate_per_suggestion,
    overrides_right_rate,
    accepted_wrong_rate,
    over_reliance_rate,
    under_reliance_rate,
    verdict_right_rate,
    advice_right_rate,
    initial_right_rate,
    team_gain,
    discernment,
    leaning,
    rair,
    rsr,
    own_work_rate,
    drill_right_rate,
    drill_missed_rate,
    sat_score_mean,
    sat_low_share,
    sat_response_rate,
    sat_case_share,
    avg_processing_hours,
    processing_hours_median,
    processing_hours_p90,
    open_cases,
    sla_breach_rate,
    receipt_breach_rate,
    shared_breach_rate,
    handed_on,
    success_rate,
    score_mean_last10,
    overridden_rate,
    overridden_right_rate,
    recommended_right_rate,
    missed_wrong_rate,
    calibration_gap,
    override_oe,
    adjusted_override_rate,
    wrong_verdict_oe,
    adjusted_wrong_verdict_rate,
    low_rating_oe,
    adjusted_low_rating_share,
    breach_oe,
    adjusted_breach_rate,
    overridden_oe,
)
_PARTS = ("collect", "finish", "limits")  # what a kind must have


class Catalogue(Mapping[str, Metric]):
    """Metrics by name, in their order.

    Parameters
    ----------
    metrics
        What is in it.
    installed
        Whether the metrics of installed packages (entry points `aura_analytics.metrics`) belong to it.

    Raises
    ------
    ParameterError
        As `add`.

    Examples
    --------
    >>> import polars as pl
    >>> from aura_analytics.metrics import DEFAULT, Catalogue, Rate
    >>> mine = Catalogue(DEFAULT)
    >>> _ = mine.add(Rate("one_star_share", "Ratings of one star", "fraction", 0, 1, "lower", "ratings", ("value",),
    ...                   hit=pl.col("value") == 1))
    >>> len(mine), mine["one_star_share"].title
    (46, 'Ratings of one star')
    """

    def __init__(self, metrics: Iterable[Metric] = (), *, installed: bool = False) -> None:
        self._metrics: dict[str, Metric] = {}
        self._installed = not installed
        for one in metrics:
            self.add(one)

    def add(self, metric: Metric) -> Metric:
        """Put a metric in; returns it.

        Parameters
        ----------
        metric
            The metric. The same one again changes nothing.

        Raises
        ------
        ParameterError
            If it is no metric, its name is taken by another one, or its kind lacks a part.
        """
        if not isinstance(metric, Metric):
            raise ParameterError(
                Problem("that is no metric", got=metric, expected="a Rate, Mean, Quantile, Count, Survival, or a kind of your own")
            )
        held = self._metrics.get(metric.name)
        if held is metric:
            return metric
        if held is not None:
            raise ParameterError(Problem("there is a metric of that name", got=metric.name, next="choose another name"))
        lacking = [name for name in _PARTS if getattr(type(metric), name) is getattr(Metric, name)]
        if lacking:
            kind = type(metric).__name__
            raise ParameterError(
                Problem(
                    f"the kind {kind} of metric {metric.name!r} lacks parts", got=", ".join(lacking), expected=", ".join(_PARTS)
                )
            )
        self._metrics[metric.name] = metric
        return metric

    def remove(self, name: str) -> None:
        """Take a metric out.

        Parameters
        ----------
        name
            Its name; of one that is not there nothing happens.
        """
        self._metrics.pop(name, None)

    def named(self, chosen: MetricsLike) -> tuple[Metric, ...]:
        """Metrics from names and metrics, each once, in the order given; for None all that are counted by default.

        Parameters
        ----------
        chosen
            Names, metrics, or a catalogue.

        Raises
        ------
        ParameterError
            For a name that is none; the nearest one is offered.
        """
        if chosen is None:
            return tuple(one for one in self.values() if one.by_default)
        if isinstance(chosen, Catalogue):
            return tuple(chosen.values())
        if isinstance(chosen, (str, Metric)):
            chosen = [chosen]
        if not isinstance(chosen, Iterable):
            raise ParameterError(Problem("metrics cannot be read", got=chosen, expected="names, metrics, or a Catalogue"))
        found = [one if isinstance(one, Metric) else self.one(one) for one in chosen]
        return tuple({one.name: one for one in found}.values())

    def one(self, name: str) -> Metric:
        """The metric of that name.

        Parameters
        ----------
        name
            Its name.

        Raises
        ------
        ParameterError
            If there is none; the nearest name is offered.
        """
        found = self.get(name) if isinstance(name, str) else None
        if found is None:
            known = list(self)
            raise ParameterError(Problem("unknown metric", got=name, expected=", ".join(known), next=close_match(str(name), known)))
        return found

    def _load(self) -> None:
        if self._installed:
            return
        self._installed = True
        for name, offered in extensions.extensions("metrics"):
            for one in offered if isinstance(offered, (list, tuple)) else (offered,):
                try:
                    self.add(one)
                except ParameterError as error:
                    extensions.refuse("metrics", name, str(error))

    def __getitem__(self, name: str) -> Metric:
        if name not in self._metrics:
            self._load()
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._metrics)

    def __len__(self) -> int:
        self._load()
        return len(self._metrics)

    def __repr__(self) -> str:
        return f"Catalogue({', '.join(self._metrics)})"


MetricsLike = Catalogue | Iterable[str | Metric] | str | Metric | None
METRICS = Catalogue(DEFAULT, installed=True)


def metric(name: str) -> Metric:
    """The metric of that name in the catalogue that everything uses by default.

    Parameters
    ----------
    name
        Its name.

    Raises
    ------
    ParameterError
        If there is none; the nearest name is offered.

    Examples
    --------
    >>> metric("override_rate").unit
    'fraction'
    """
    return METRICS.one(name)


def metrics_named(chosen: MetricsLike) -> tuple[Metric, ...]:
    """Metrics from names and metrics, each once, in the order given; for None all of the catalogue that are counted by default."""
    return METRICS.named(chosen)


def metrics_shown(chosen: MetricsLike = None) -> tuple[Metric, ...]:
    """As `metrics_named`; for None all of the catalogue: a view shows what is known."""
    return tuple(METRICS.values()) if chosen is None else METRICS.named(chosen)
