"""Simulated rooms with voices in them: drawn, rendered, kept in folders."""
