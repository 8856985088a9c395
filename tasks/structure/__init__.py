"""The library of structure-f1: attention maps to pair scores, counts at every threshold, selection, decoding, report.

All scores of an RNA of length L are kept as vectors over its L (L - 1) / 2 pairs i < j, row by row.
"""
