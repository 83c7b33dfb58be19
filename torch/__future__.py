"""Switches of behaviour that modules may change in later versions."""

_overwrite_module_params_on_conversion = False
_swap_module_params_on_conversion = False


def set_overwrite_module_params_on_conversion(value):
    """Whether ``module.to(...)`` makes new parameters instead of changing the data of the old ones."""
    global _overwrite_module_params_on_conversion
    _overwrite_module_params_on_conversion = value


def get_overwrite_module_params_on_conversion():
    """Whether ``module.to(...)`` makes new parameters."""
    return _overwrite_module_params_on_conversion


def set_swap_module_params_on_conversion(value):
    """Whether ``module.to(...)`` exchanges parameters with new ones. Raises RuntimeError: it is not possible here."""
    if value:
        raise RuntimeError("swapping parameters on conversion is not available; parameters keep their identity without it")


def get_swap_module_params_on_conversion():
    """Whether ``module.to(...)`` exchanges parameters with new ones: no."""
    return _swap_module_params_on_conversion
