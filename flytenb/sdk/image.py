"""`Image`: what software an environment needs. An immutable description; building it is not done here."""

from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from flytenb.model.image import ImageSpec
from flytenb.sdk import builders as _builders
from flytenb.sdk import layers as _layers
from flytenb.sdk.layers import Layer
from flytenb.sdk.secret import Secret, SecretRequest

_PLATFORMS = ("linux/amd64", "linux/arm64")


class _Mark:
    """Held by images that were made by the constructors; one object, also after pickling."""

    def __reduce__(self) -> str:
        return "_MADE"


_MADE = _Mark()

Pythons = tuple[int, int] | tuple[int, int, int]
Urls = str | list[str] | tuple[str, ...]


class Image(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The software of an environment.

    Made by `Image.from_debian_base()`, `from_base(uri)`, `from_uv_script(…)` and others; every `with_…` gives a new
    image with one more layer.

    Example:
        `flyte.Image.from_debian_base().with_pip_packages("pandas", "scikit-learn")`
    """

    base_image: str | None = None
    dockerfile: Path | None = None
    name: str | None = None
    registry: str | None = None
    registry_secret: str | Secret | None = None
    platform: tuple[str, ...] = _PLATFORMS
    python_version: tuple[int, ...] = sys.version_info[:2]
    extendable: bool = False
    #: Named in the configuration's `images`.
    ref_name: str | None = None
    #: A debian image without additions stands for "the caller's Python", when it has the Python of its declarer.
    is_debian: bool = False
    has_own_python: bool = False
    is_cloned: bool = False
    install_flyte: bool = True
    layers: tuple[Layer, ...] = ()
    #: What it was made of where it was declared; in workers, which have not its files.
    _spec: ImageSpec | None = None
    _made: object = None

    def __post_init__(self) -> None:
        if self._made is not _MADE:
            raise TypeError("Image(…) cannot be called; write flyte.Image.from_debian_base() or Image.from_base(uri)")

    # ---- where it starts ------------------------------------------------------------------------------------------

    @classmethod
    def from_debian_base(
        cls,
        python_version: Pythons | None = None,
        flyte_version: str | None = None,
        install_flyte: bool = True,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        platform: tuple[str, ...] | None = None,
    ) -> Image:
        """Debian with Python, by default the version that runs now.

        Args:
            python_version: `(3, 12)`.
            flyte_version: accepted; the runtime is always the caller's own.
            install_flyte: False for a bare Python.
            registry, registry_secret, name, platform: of the image that is built.
        """
        version = tuple(python_version) if python_version is not None else sys.version_info[:2]
        if len(version) < 2 or not all(isinstance(part, int) for part in version):
            raise ValueError(f"python_version={python_version!r} must be a tuple such as (3, 12)")
        return cls(
            base_image=f"python:{'.'.join(map(str, version))}-slim-bookworm",
            name=name,
            registry=registry,
            registry_secret=registry_secret,
            platform=platform or _PLATFORMS,
            python_version=version,
            extendable=True,
            is_debian=True,
            has_own_python=version[:2] != sys.version_info[:2],
            is_cloned=bool(name or registry),
            install_flyte=install_flyte,
            _made=_MADE,
        )

    @classmethod
    def from_base(cls, image_uri: str) -> Image:
        """An existing image as it is; `.clone(name=…, extendable=True)` to add layers."""
        if not isinstance(image_uri, str) or not image_uri:
            raise TypeError(f'Image.from_base({image_uri!r}): give the name of an image, such as "python:3.12"')
        return cls(base_image=image_uri, _made=_MADE)

    @classmethod
    def from_dockerfile(
        cls, file: str | Path, registry: str, name: str, platform: str | tuple[str, ...] | None = None
    ) -> Image:
        """What a Dockerfile describes; its directory is the build context."""
        platforms = (platform,) if isinstance(platform, str) else platform
        return cls(dockerfile=Path(file), registry=registry, name=name, platform=platforms or _PLATFORMS, _made=_MADE)

    @classmethod
    def from_uv_script(
        cls,
        script: str | Path,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        python_version: Pythons | None = None,
        index_url: str | None = None,
        extra_index_urls: Urls | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        platform: tuple[str, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """The dependencies in the PEP 723 header of a script."""
        base = cls.from_debian_base(
            python_version, registry=registry, registry_secret=registry_secret, name=name, platform=platform
        )
        options = _layers.pip_options(index_url, extra_index_urls, pre, extra_args)
        path = _layers.with_suffix(script, ".py", "Image.from_uv_script")
        secrets = _layers.mounts(secret_mounts)
        return base._with(Layer(kind="uv-script", options=options, files=(path,), secrets=secrets))

    @classmethod
    def from_pixi_script(
        cls,
        script: str | Path,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        environment: str = "default",
        extra_args: str | None = None,
        platform: tuple[str, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """The dependencies in the pixi header of a script."""
        base = cls.from_debian_base(registry=registry, registry_secret=registry_secret, name=name, platform=platform)
        options = (("environment", environment), ("extra_args", extra_args))
        secrets = _layers.mounts(secret_mounts)
        return base._with(Layer(kind="pixi-script", options=options, files=(Path(script),), secrets=secrets))

    @classmethod
    def from_ref_name(cls, name: str = "default") -> Image:
        """The image that the configuration calls so."""
        return cls(ref_name=name, _made=_MADE)

    @classmethod
    def from_kernel(cls, *packages: str, name: str | None = None, registry: str | None = None) -> Image:
        """Debian with this Python and the distributions that the notebook's cells, or the script, have imported.

        Each is pinned to the version that is installed here. What was installed from a folder of this machine is in
        no index: it is left out, with a warning.

        Args:
            *packages: more of them, in pip's spelling.
            name, registry: of the image that is built.

        Example:
            `env = flyte.TaskEnvironment("train", image=flyte.Image.from_kernel())`
        """
        from flytenb.capture.distributions import distributions, imported, texts_of  # 100 ms of metadata

        namespace = sys._getframe(1).f_globals
        modules = {module for text in texts_of(namespace) for module in imported(text)}
        found, local = distributions(modules)
        if local:
            import warnings

            text = f"{', '.join(local)}: installed from a folder of this machine, so not part of Image.from_kernel()"
            warnings.warn(f"{text}; add it with .with_uv_project() or .with_source_folder()", UserWarning, stacklevel=2)
        pins = [f"{dist}=={version}" for dist, version in sorted(found.items())]
        return cls.from_debian_base(name=name, registry=registry).with_pip_packages(*pins, *packages)

    # ---- layers ---------------------------------------------------------------------------------------------------

    def _with(self, layer: Layer) -> Image:
        if not self.extendable:
            raise ValueError(
                f"image {self} cannot take layers; make it extendable with .clone(name=…, extendable=True)"
            )
        return replace(self, layers=(*self.layers, layer), _spec=None)

    def with_pip_packages(
        self,
        *packages: str,
        index_url: str | None = None,
        extra_index_urls: Urls | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """With Python packages, in pip's spelling."""
        options = _layers.pip_options(index_url, extra_index_urls, pre, extra_args)
        values = _layers.words("with_pip_packages", packages)
        return self._with(Layer(kind="pip", values=values, options=options, secrets=_layers.mounts(secret_mounts)))

    def with_requirements(
        self,
        file: str | Path,
        index_url: str | None = None,
        extra_index_urls: Urls | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """With the packages of a requirements file (`.txt`)."""
        path = _layers.with_suffix(file, ".txt", "with_requirements")
        options = _layers.pip_options(index_url, extra_index_urls, pre, extra_args)
        secrets = _layers.mounts(secret_mounts)
        return self._with(Layer(kind="requirements", options=options, files=(path,), secrets=secrets))

    def with_uv_project(
        self,
        pyproject_file: str | Path,
        uvlock: str | Path | None = None,
        index_url: str | None = None,
        extra_index_urls: Urls | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: str = "dependencies_only",
    ) -> Image:
        """With the dependencies of a uv project, or the project itself (`install_project`)."""
        files = _layers.project_files("with_uv_project", pyproject_file, uvlock, "uv.lock", project_install_mode)
        options = _layers.pip_options(index_url, extra_index_urls, pre, extra_args)
        options = (*options, ("install_mode", project_install_mode))
        return self._with(Layer(kind="uv-project", options=options, files=files, secrets=_layers.mounts(secret_mounts)))

    def with_poetry_project(
        self,
        pyproject_file: str | Path,
        poetry_lock: str | Path | None = None,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: str = "dependencies_only",
    ) -> Image:
        """With the dependencies of a Poetry project, or the project itself."""
        files = _layers.project_files(
            "with_poetry_project", pyproject_file, poetry_lock, "poetry.lock", project_install_mode
        )
        options = (("extra_args", extra_args), ("install_mode", project_install_mode))
        return self._with(
            Layer(kind="poetry-project", options=options, files=files, secrets=_layers.mounts(secret_mounts))
        )

    def with_pixi_project(
        self,
        manifest_file: str | Path,
        pixi_lock: str | Path | None = None,
        environment: str = "default",
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: str = "dependencies_only",
    ) -> Image:
        """With an environment of a pixi project, or the project itself."""
        files = _layers.project_files("with_pixi_project", manifest_file, pixi_lock, "pixi.lock", project_install_mode)
        options = (("environment", environment), ("extra_args", extra_args), ("install_mode", project_install_mode))
        return self._with(
            Layer(kind="pixi-project", options=options, files=files, secrets=_layers.mounts(secret_mounts))
        )

    def with_apt_packages(self, *packages: str, secret_mounts: SecretRequest | None = None) -> Image:
        """With Debian packages."""
        values = _layers.words("with_apt_packages", packages)
        return self._with(Layer(kind="apt", values=values, secrets=_layers.mounts(secret_mounts)))

    def with_commands(self, commands: list[str], secret_mounts: SecretRequest | None = None) -> Image:
        """With shell commands, each as it would stand after RUN."""
        if isinstance(commands, str):
            raise TypeError(f"with_commands({commands!r}): give a list of commands")
        values = _layers.words("with_commands", tuple(commands))
        return self._with(Layer(kind="run", values=values, secrets=_layers.mounts(secret_mounts)))

    def with_env_vars(self, env_vars: dict[str, str]) -> Image:
        """With environment variables."""
        return self._with(Layer(kind="env", options=tuple((str(k), str(v)) for k, v in env_vars.items())))

    def with_workdir(self, workdir: str) -> Image:
        """With another working directory."""
        return self._with(Layer(kind="workdir", dst=workdir))

    def with_source_folder(self, src: str | Path, dst: str = ".", copy_contents_only: bool = False) -> Image:
        """With a copy of a directory; the default target is `./<its name>`."""
        src = Path(src)
        if dst == "." and not copy_contents_only:
            dst = f"./{src.name}"
        return self._with(Layer(kind="copy", files=(src,), dst=dst))

    def with_source_file(self, src: str | Path | list[str | Path], dst: str = ".") -> Image:
        """With copies of files."""
        files = tuple(Path(one) for one in src) if isinstance(src, list) else (Path(src),)
        names = [file.name for file in files]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(
                f"with_source_file: {', '.join(sorted(twice))} would be copied twice to {dst!r}; rename one"
            )
        return self._with(Layer(kind="copy", files=files, dst=dst))

    def with_dockerignore(self, path: str | Path) -> Image:
        """With the patterns of a file that keep others out of the build."""
        return self._with(Layer(kind="dockerignore", files=(Path(path),)))

    def with_code_bundle(self, copy_style: str = "loaded_modules", dst: str = ".") -> Image:
        """With the project's source baked in, for runs with `copy_style="none"`."""
        if copy_style not in ("loaded_modules", "all"):
            raise ValueError(f'with_code_bundle(copy_style={copy_style!r}): write "loaded_modules" or "all"')
        return self._with(Layer(kind="code", options=(("copy_style", copy_style),), dst=dst))

    def with_local_v2(self) -> Image:
        """Accepted for Flyte's own examples: the runtime is always the caller's own."""
        return self

    def clone(
        self,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        base_image: str | None = None,
        python_version: Pythons | None = None,
        addl_layer: Layer | None = None,
        extendable: bool | None = None,
        platform: tuple[str, ...] | None = None,
    ) -> Image:
        """A copy with some fields changed."""
        if addl_layer is not None and not isinstance(addl_layer, Layer):
            raise TypeError(f"clone(addl_layer={addl_layer!r}) must be a layer of an image")
        if extendable and not (name or self.name):
            raise ValueError("clone(extendable=True) needs name=, under which the new image is built")
        changes: dict[str, Any] = {
            "registry": registry,
            "registry_secret": registry_secret,
            "name": name,
            "base_image": base_image,
            "python_version": python_version,
            "extendable": extendable,
            "platform": platform,
        }
        image = replace(
            self, is_cloned=True, _spec=None, **{key: value for key, value in changes.items() if value is not None}
        )
        if addl_layer is None:
            return image
        if not (image.extendable or self.extendable):
            return image._with(addl_layer)  # raises
        return replace(image, layers=(*image.layers, addl_layer))

    # ---- asked of it ----------------------------------------------------------------------------------------------

    def validate(self) -> None:
        """Raises FileNotFoundError when a file that a layer needs is not there."""
        if self.dockerfile is not None and not self.dockerfile.exists():
            raise FileNotFoundError(f'Image.from_dockerfile: "{self.dockerfile}" does not exist')
        for layer in self.layers:
            layer.validate()

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing that the caller's own environment does not say."""
        return self.is_debian and not self.layers and not self.is_cloned and not self.has_own_python

    def spec(self) -> ImageSpec | None:
        """What it is made of, files by content; None when it stands for the caller's own environment.

        Raises:
            FileNotFoundError: a file that counts is not there.
        """
        if self._spec is not None or self.is_plain:
            return self._spec
        if _builders.current is not None:  # a plug-in builds it, here and now
            uri = _builders.built_uri(self)
            return ImageSpec(text=f"{self} ({uri})", base=uri)
        from flytenb.codec.current import objects  # files and their hashes: only images with something in them
        from flytenb.sdk.image_spec import image_spec

        return image_spec(self, objects())

    def buildable(self) -> ImageSpec:
        """The same, where a plain image is Debian with its Python."""
        spec = self.spec()
        if spec is not None:
            return spec
        from flytenb.codec.current import objects
        from flytenb.sdk.image_spec import image_spec

        spec = image_spec(self, objects(), also_plain=True)
        assert spec is not None
        return spec

    def fixed(self) -> Image:
        """The same image with its files by content, so that it can be declared where they are not."""
        spec = self.spec()
        return self if spec is self._spec else replace(self, _spec=spec)

    @cached_property
    def uri(self) -> str:
        """The image's name: the base itself, or `[registry/]name:TAG` with a tag made from all that counts.

        Raises:
            FileNotFoundError: a file that counts is not there.
        """
        if self.ref_name is not None:
            return self.ref_name
        if not self.layers and not self.is_cloned and self.dockerfile is None:
            return self.base_image or ""
        dockerfile = b"" if self.dockerfile is None else self.dockerfile.read_bytes()
        tag = _layers.digest_of((self.base_image or "").encode(), dockerfile, layers=self.layers)
        name = self.name or "flytenb"
        return f"{self.registry}/{name}:{tag}" if self.registry else f"{name}:{tag}"

    def __str__(self) -> str:
        start = self.ref_name or (str(self.dockerfile) if self.dockerfile else self.base_image or "")
        return " + ".join((start, *map(str, self.layers)))

    def __repr__(self) -> str:
        return f"Image({str(self)!r})"


def image_of(image: str | Image | None) -> Image | None:
    """From the `image=` of an environment; "auto" is Debian with the caller's Python.

    Raises:
        TypeError: it is neither text nor an image.
    """
    if image is None or isinstance(image, Image):
        return image
    if not isinstance(image, str):
        raise TypeError(f'image={image!r} must be a flyte.Image, the name of an image or "auto"')
    return Image.from_debian_base() if image == "auto" else Image.from_base(image)
