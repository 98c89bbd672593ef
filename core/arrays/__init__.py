"""Microphone arrays: where the microphones stand, simulated scenes, directions of arrival, beamformers."""
