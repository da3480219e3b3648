"""Words told in long recordings, counted: hits, misses, false alarms an hour, delay, and the threshold that follows."""
