"""What an endpoint can really do, asked of the server with a handful of small requests."""
