"""The Go Text Protocol: lines, commands, sessions."""
