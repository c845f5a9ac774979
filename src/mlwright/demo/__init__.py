"""The whole loop once on real data: the same library calls as the commands, told as a story."""
