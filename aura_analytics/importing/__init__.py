"""Foreign logs: a declarative mapping (`mapping`), and the import itself (`log`); XES files are streamed (`xes`)."""

from aura_analytics.importing.log import ImportReport, import_log, import_log_report
from aura_analytics.importing.mapping import LogMapping

__all__ = ["ImportReport", "LogMapping", "import_log", "import_log_report"]
