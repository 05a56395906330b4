"""The run: its state, its clocks and the order of one update."""
