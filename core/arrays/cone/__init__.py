"""The cone search (Jenrungrot et al. 2020): search, separator, suppression, selection, voices that walk, training."""
