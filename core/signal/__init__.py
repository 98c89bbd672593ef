"""Audio as numbers: files, clips, companding, spectra, metrics. Knows no model."""
