"""Predictions in other people's files, a format a file: see `contracts.Format`."""
