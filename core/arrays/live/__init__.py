"""Arrays while one listens: devices, the relay, and directions that are followed."""
