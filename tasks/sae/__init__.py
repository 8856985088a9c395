"""Sparse autoencoders over nucleotide activations: training, quality and the feature sources the SAE tasks share."""
