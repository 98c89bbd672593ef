"""Checkpoints: manifest, safe loading, importers for the original formats."""

from core.zoo.loading import load, load_model, load_separator
from core.zoo.manifest import Entry, catalogue, register, summary

__all__ = ["Entry", "catalogue", "load", "load_model", "load_separator", "register", "summary"]
