"""Recording in a ledger while it happens, from inside other systems: one system a file, none of them imported before it is used."""
