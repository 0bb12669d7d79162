"""What goes wrong with deployed things, code, containers and images."""

from __future__ import annotations

from flytenb.errors.base import (
    NamedUserError,
    RuntimeUserError,
)


class RemoteTaskNotFoundError(NamedUserError):
    """No deployed task has this name and version."""


class RemoteTaskUsageError(NamedUserError):
    """A deployed task was used in a way that it does not allow."""


class ParameterMaterializationError(NamedUserError):
    """The value of an app's parameter could not be found."""


class ModuleLoadError(NamedUserError):
    """A module cannot be imported."""


class CodeBundleError(NamedUserError):
    """The code could not be packed."""


class DeploymentError(NamedUserError):
    """A deployment was refused or failed."""


class ContainerEngineError(NamedUserError):
    """Docker cannot be used: it is not there, does not answer, or refuses this user."""


class ContainerStartError(NamedUserError):
    """A container could not be started, or ended before its worker began: an image without Python, a wrong network."""


class ContainerExitError(NamedUserError):
    """The program of a container task ended with another status than 0.

    Attributes:
        status: its exit status.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ImageBuildError(NamedUserError):
    """An image could not be built."""


class ImagePullBackOffError(RuntimeUserError):
    """An image could not be pulled."""


class InvalidImageNameError(RuntimeUserError):
    """That is no name of an image."""


class InvalidPackageError(RuntimeUserError):
    """A system package of an image does not exist."""

    def __init__(self, package_name: str, original_error: str) -> None:
        self.package_name, self.original_error = package_name, original_error
        super().__init__(
            "InvalidPackageError",
            f'system package "{package_name}" is in no apt repository: {original_error}; check its name, or add the '
            "repository that has it with a layer before it",
        )


class PrimaryContainerNotFoundError(RuntimeUserError):
    """A pod template does not contain its primary container."""


class SlowDownError(NamedUserError):
    """Too many requests at once."""


class ResourceExhaustedError(SlowDownError):
    """A limit of the other side is reached."""
