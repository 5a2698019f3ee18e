"""The subcommands of `crossrisk`, one module each; the only place that joins all packages."""
