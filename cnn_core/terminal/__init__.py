"""Between a command and the terminal or log that it runs in: streams, system errors, faults, completion."""
