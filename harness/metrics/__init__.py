"""Metrics: one file, one formula over weighted cases, found by its file name."""
