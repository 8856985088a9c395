"""For every law an adapter that breaks exactly it: a sound one with one fault."""
