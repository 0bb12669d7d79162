"""Which GPUs this machine has, who uses them, and what a worker sees of them. Blocking: callers use threads."""
