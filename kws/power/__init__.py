"""Average power and battery life of a spotter: a model, not a measurement."""
