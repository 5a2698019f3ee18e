"""Front doors: protocol in, protocol out, no policy."""
