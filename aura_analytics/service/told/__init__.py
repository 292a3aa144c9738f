"""Telling people that a verdict changed."""
