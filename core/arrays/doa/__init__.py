"""Directions of arrival: powers for every direction, their peaks, tracks of them, and which are right."""
