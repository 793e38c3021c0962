"""A launch specification as a file to start elsewhere: a shell script, a Modelfile, a Compose file."""
