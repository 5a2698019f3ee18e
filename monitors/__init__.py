"""Shadow monitors: score finished exchanges off-path and export what they find."""
