"""Where colour pictures come from, and how they become arrays."""
