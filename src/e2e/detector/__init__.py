"""DetIds, positions and grids in NumPy: the readable specification that the C++ core must equal."""
