"""What is no word of the list: other words, near misses, parts, babble; rooms, tones, hum, clicks and noise."""
