"""What the localization tab is made of: the array and what it hears, live views, the relay, the channel check."""
