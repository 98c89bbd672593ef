"""What can be asked of a localization; costs nothing to import, so that the command line can name it at once."""

METHODS = ("cone", "srp-phat", "music")
MOST_VOICES = 8
