"""From what a person asks to a plan: models opened, placed, weighed, ranked, explained."""
