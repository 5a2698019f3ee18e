"""How the adapters that ship are made, and the adapters: models that refuse, and one trained with privacy."""
