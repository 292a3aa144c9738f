"""Inputs that nobody would write, at every door."""
