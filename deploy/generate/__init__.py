"""Makes the files of Prometheus and Grafana from one source: `make boards`."""
