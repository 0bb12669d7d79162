"""Why an action was taken from the cache or not: the nearest earlier call, and what differs, in words."""
