"""Exports of other systems: one system a file, each record turned into events by the rules of that system."""
