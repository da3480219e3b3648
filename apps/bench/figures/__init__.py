"""Speed and accuracy figures, each beside a named baseline in the same run."""
