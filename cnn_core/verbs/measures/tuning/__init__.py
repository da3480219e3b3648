"""tune: settings searched by successive halving, within ranges that the presets declare."""
