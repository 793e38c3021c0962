"""One run of the agent: what happens in it, what ends it, what it may do, and who is told."""
