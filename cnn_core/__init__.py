"""The shared core: conv blocks with optional pooling, one training engine, and tools that show what a CNN sees."""
