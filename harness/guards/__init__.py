"""Doubts about a model that no single number shows; docs/guards.md says how sure each is."""
