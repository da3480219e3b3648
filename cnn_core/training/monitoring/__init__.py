"""What is seen of a training while it runs: its log, its progress bar, and the other processes."""
