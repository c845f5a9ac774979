"""Documents to chunks, an index, hits, and an answer whose citations were checked."""
