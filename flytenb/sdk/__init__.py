"""What users write: environments, tasks, resources, images, policies, traces, reports. Declarations, no engine."""

from flytenb.model import quick as quick  # before anything imports msgspec
