"""Directions of arrival: spatial spectra, a finder that uses them, tracks, paths, and matching to the truth."""
