"""The closed loop: what launches measured beside what was predicted, and what the next plan makes of it."""
