"""What runs inside a container: process 1, the worker's start, and stand-ins for what an image does not have."""
