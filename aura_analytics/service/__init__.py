"""The library over HTTP: for forms, agents and pages that are not Python. No number is computed here."""
