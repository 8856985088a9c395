"""The library of overlap-ratio: vectors of sequences, pairs of them, and how far two sets of similarities are apart."""
