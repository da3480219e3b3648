"""The families of networks, by the axis along which their filters move."""
