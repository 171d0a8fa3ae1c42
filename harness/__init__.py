"""Evaluation and benchmarking of medical-imaging models."""

__version__ = "0.1.0"
