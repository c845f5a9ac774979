"""Fixed-size summaries of columns, which add up exactly over windows and shards."""
