"""Tempo's and Prometheus's HTTP APIs from the outside: what the command line, the doctor and the demo ask."""
