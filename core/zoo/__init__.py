"""Checkpoints: manifest, safe loading, importers for the original formats."""
