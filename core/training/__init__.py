"""Recipes, data and loops: runs on one CPU, one GPU, or many."""
