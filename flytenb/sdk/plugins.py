"""Which class of task a `plugin_config=` makes."""

from __future__ import annotations

from typing import Any, ClassVar


class TaskPluginRegistry:
    """Classes of tasks by the type of their configuration."""

    _classes: ClassVar[dict[type, type]] = {}

    @classmethod
    def register(cls, config_type: type, plugin: type) -> None:
        """Tasks of an environment with `plugin_config=config_type(…)` become `plugin`."""
        cls._classes[config_type] = plugin

    @classmethod
    def find(cls, config_type: type) -> type | None:
        """The class for a configuration's type, or None."""
        return cls._classes.get(config_type)

    @classmethod
    def task_class(cls, config: Any) -> type:
        """The class for a configuration.

        Raises:
            ValueError: nobody registered its type.
        """
        found = cls._classes.get(type(config))
        if found is None:
            known = ", ".join(sorted(one.__name__ for one in cls._classes)) or "none"
            raise ValueError(
                f"plugin_config={config!r}: no task plugin is registered for {type(config).__name__} "
                f"(registered: {known}); call flyte.extend.TaskPluginRegistry.register({type(config).__name__}, …)"
            )
        return found
