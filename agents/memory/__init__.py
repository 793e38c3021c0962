"""Conversations with the agent that are kept: their messages, their turns, and summaries of what is old."""
