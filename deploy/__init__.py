"""From hardware to an endpoint: machine, architectures, memory model, planner, engines, launch."""
