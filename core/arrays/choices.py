"""The choices of a localization; imports nothing, so that the command line starts at once."""

METHODS = ("cone", "srp-phat", "music")
MOST_VOICES = 8
