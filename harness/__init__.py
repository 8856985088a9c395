"""The engine of the harness: it knows no particular model, task or dataset."""
