"""What a loaded model takes, device by device and term by term: one memory model an engine."""
