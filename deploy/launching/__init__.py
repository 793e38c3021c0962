"""From a launch specification to a process whose model answers, and why one does not come up."""
