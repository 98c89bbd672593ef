"""Public data sets, fetched on the user's own machine and laid out as the recipes want them: `fetch-data`."""
