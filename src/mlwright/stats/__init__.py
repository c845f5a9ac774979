"""Pure functions of statistics: two-sample tests, discovery, intervals, metrics, e-processes."""
