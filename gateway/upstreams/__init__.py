"""What turns an exchange into deltas: servers that speak gRPC or OpenAI-compatible HTTP."""
