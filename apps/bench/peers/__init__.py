"""The suite beside what a user would take instead, each side in a process of its own."""
