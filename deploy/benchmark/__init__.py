"""How fast an endpoint answers, through the toolkit and through its bare HTTP API, in the same run."""
