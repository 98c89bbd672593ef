"""Directions of arrival: spatial spectra, a finder that uses them, tracks, and matching to the truth."""
