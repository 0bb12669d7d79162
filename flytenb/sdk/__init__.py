"""What users write: environments, tasks, resources, images, policies, traces, reports. Declarations, no engine."""
