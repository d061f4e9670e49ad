"""What scripts/bench runs: programs as children, figures made of them, and the comparison with other brokers."""
