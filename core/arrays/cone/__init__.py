"""The cone search (Jenrungrot et al. 2020): search, separator, suppression, selection, tracks, training pairs."""
