"""Networks: blocks with optional pooling, the plain CNN, its shapes, symmetries, fast convolutions and backbones."""
