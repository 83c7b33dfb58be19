"""Spectral normalisation under its older name."""

from . import parametrizations, parametrize

__all__ = ["spectral_norm", "remove_spectral_norm"]


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a weight by its largest singular value; returns the module. See :mod:`parametrizations`."""
    return parametrizations.spectral_norm(module, name, n_power_iterations, eps, dim)


def remove_spectral_norm(module, name="weight"):
    """Undo :func:`spectral_norm`. Raises ValueError if there is none."""
    if not parametrize.is_parametrized(module, name):
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    return parametrize.remove_parametrizations(module, name)
