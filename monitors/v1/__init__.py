"""Code generated from `proto/gateway/v1`; `make proto` renews it."""
