"""The one error for everything a user can mend."""


class InputError(ValueError):
    """Says in one plain sentence what is wrong with an input and what would work."""
