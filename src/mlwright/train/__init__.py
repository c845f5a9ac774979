"""Training: features, models, out-of-fold scores, the holdout, and the card."""
