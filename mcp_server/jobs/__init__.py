"""Work that takes longer than a client waits: kept, watched, cancelled, and done again after a crash."""
