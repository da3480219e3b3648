"""A trained network as one C99 file: weights as arrays, plain loops, no allocation, no library but the standard one.

The way goes from the graph that the ONNX file is made of (`reading`), not from the modules: there the front end is part
of the network, batch norms are folded, tied weights whole, every operation is one of a published list with fixed
shapes, and a module of an app's own needs no code here.
"""
