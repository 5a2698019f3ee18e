"""In-line guardrail gateway: front doors, chain of defenses, upstreams, tap and control."""
