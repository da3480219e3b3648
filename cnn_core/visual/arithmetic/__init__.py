"""What convolution and pooling compute, drawn with the numbers in the cells: for any small arrays."""
