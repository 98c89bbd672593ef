"""What each kind of network is trained for: a loss, and figures on held-out audio."""
