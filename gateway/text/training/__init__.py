"""Training of the encoder that all classifiers share; needs the extra `[whitebox]`, nothing at run time does."""
