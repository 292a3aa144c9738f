"""The report: one static HTML file that opens anywhere, without a network."""

from aura_analytics.report.page import write_report

__all__ = ["write_report"]
