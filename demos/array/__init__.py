"""Parts of the localization tab: the array's input and recordings, live views, the relay, the channel check."""
