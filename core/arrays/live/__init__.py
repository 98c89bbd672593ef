"""Live arrays: devices, the relay, and the localizer that tracks directions."""
