"""The verbs of every app's command, one file each: options, parse, run."""
