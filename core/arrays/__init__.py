"""Microphone arrays: geometry, steering, and the search for where voices come from."""
