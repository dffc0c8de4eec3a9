"""The network, its weights, and what it predicts."""
