"""What tabs share: layout, runs and their history, players, words."""
