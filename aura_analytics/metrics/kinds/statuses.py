"""Whether a metric has a value, and why not: what a status column says."""

__all__ = [
    "KNOWN",
    "NOT_FOLLOWED",
    "NOT_FOR_KIND",
    "NO_DATA",
    "NO_OVERLAP",
    "NO_TARGET",
    "OK",
    "ONE_KIND",
    "SELECTIVE",
    "SKEWED",
    "STATUSES",
    "STATUS_WORDS",
]

STATUSES = (
    "ok",
    "no_data",
    "not_for_kind",
    "no_target",
    "not_followed",
    "selective_audits",
    "one_kind_of_advice",
    "too_skewed",
    "no_overlap",
)
# a status column holds these numbers until the dossier is put together
OK, NO_DATA, NOT_FOR_KIND, NO_TARGET, NOT_FOLLOWED, SELECTIVE, ONE_KIND, SKEWED, NO_OVERLAP = range(9)
KNOWN = ("ok", "too_skewed")  # where there is a value
STATUS_WORDS = {
    "no_data": "no data",
    "not_for_kind": "does not apply",
    "no_target": "no limit given",
    "not_followed": "no case was followed up to its limit",
    "selective_audits": "cases were picked for audit by their verdict, with unknown chances",
    "too_skewed": "too skewed for an interval of the mean: see the median",
    "no_overlap": "nobody else has such cases",
    "one_kind_of_advice": "only right, or only wrong, recommendations were judged",
}
