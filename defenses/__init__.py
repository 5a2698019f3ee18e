"""Defenses, one file each; a configuration names them as `use: defenses.<file>:<Class>`."""
