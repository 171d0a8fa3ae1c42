"""Faults of data, found before any training: one file a kind of fault."""
