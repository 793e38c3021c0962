"""From passages to an answer whose citations were checked, or a refusal."""
