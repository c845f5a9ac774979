"""Trigger, train, challenge, hand over: how a model is replaced by a better one, or is not."""
