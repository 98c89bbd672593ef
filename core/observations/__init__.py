"""What was measured: decimation, gaps, clipping."""
