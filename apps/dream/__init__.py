"""Dreams on natural pictures."""
