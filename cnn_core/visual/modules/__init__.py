"""Looking into any module: which layers there are, what they give, on which axis, and what a place of them sees."""
