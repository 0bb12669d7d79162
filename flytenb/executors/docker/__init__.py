"""Workers in containers: started, fed and stopped as those in processes."""

from flytenb.executors.docker.executor import DockerExecutor

__all__ = ["DockerExecutor"]
