"""Work in numbered pieces, each a pure function of its number: made by one process, several, or many machines."""
