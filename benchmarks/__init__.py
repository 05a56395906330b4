"""What is compared with what: ``python -m benchmarks`` runs all of it."""
