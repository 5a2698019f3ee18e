"""Training of the encoder that all classifiers share; needs the extra `[training]`."""
