"""What can be asked of a run: the names of its choices. Costs nothing to import, so that commands list them at once."""

QUALITIES = ("draft", "standard", "fine")
SAMPLERS = ("diffusion", "langevin", "original")  # the last is PnF's own
FORMS = ("shared", "exact", "soft")  # of a mixture
EVIDENCE = ("plain", "lowpass")  # of super-resolution
METHODS = ("cone", "srp-phat", "music")  # of localization
MOST_VOICES = 8
