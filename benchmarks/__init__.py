"""What the gateway costs, measured; times are asserted nowhere else."""
