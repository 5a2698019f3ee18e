"""A language model whose insides are open: scores, adapters by row, and decoding that can be steered.

Runs in a child process of its own (`gateway.upstreams.transformers`); needs the extra `[whitebox]`.
"""
