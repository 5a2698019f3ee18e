"""What computes with torch; needs the extra `[train]`."""
