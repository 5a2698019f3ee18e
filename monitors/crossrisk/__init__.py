"""The offline matrix: every defense against every risk, on the same prompts as the undefended model."""
