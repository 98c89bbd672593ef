"""Tables: goldens and data sets, side by side with baselines and papers."""
