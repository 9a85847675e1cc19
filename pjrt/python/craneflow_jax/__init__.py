"""Craneflow for JAX: registers the plugin when JAX looks for backends.

JAX imports this module through the entry point group ``jax_plugins`` and calls :func:`initialize`.
"""

import logging
import os
import pathlib
import platform

PLATFORM = os.environ.get("CRANEFLOW_PLATFORM_NAME") or "craneflow"
#: Above JAX's own CPU backend (0) and other plugins (400): installing the wheel is the switch.
PRIORITY = 500

#: The oldest JAX whose jaxlib gets along with the plugin: those before it end the process.
OLDEST = (0, 7)

_LIBRARY = pathlib.Path(__file__).parent / "libcraneflow_pjrt.so"
_log = logging.getLogger(__name__)


def initialize():
    """Registers the backend, unless this machine cannot run it."""
    if platform.machine() not in ("x86_64", "AMD64") or not _LIBRARY.exists():
        _log.warning("craneflow: no library for %s; JAX runs without it", platform.machine())
        return
    import jax
    from jax._src import xla_bridge

    if jax.__version_info__[:2] < OLDEST:
        _log.warning("craneflow: needs jax %d.%d or newer, this is %s; JAX runs without it", *OLDEST, jax.__version__)
        return

    xla_bridge.register_plugin(
        "craneflow", priority=PRIORITY, library_path=str(_LIBRARY), options=None
    )
    from . import lowerings

    lowerings.register(PLATFORM, str(_LIBRARY))
