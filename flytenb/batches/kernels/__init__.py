"""A batch's kernel where an environment says: in a container with its image, or in a process with its software.

`task` is the action that runs the kernel there, `provisioner` stands for it in papermill's client, `door` lets what
runs in a container meet the engine, `environment` finds the environment that is named.
"""
