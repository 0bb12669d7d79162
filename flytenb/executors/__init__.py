"""Ways to start and stop workers. An executor emits what happens to processes; only the engine listens."""
