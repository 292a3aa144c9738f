"""Dossiers: one row per actor, every number with its n, its interval and its status."""
