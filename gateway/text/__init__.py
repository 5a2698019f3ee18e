"""What defenses and monitors both look through: patterns, PII and secret rules, word lists."""
