"""The C++ frames of the present call."""

__all__ = ["get_cpp_backtrace"]


def get_cpp_backtrace(frames_to_skip=0, maximum_number_of_frames=64):
    """The frames of the process's stack, a line each, the innermost first; empty where the system cannot tell (outside of glibc).

    >>> get_cpp_backtrace(maximum_number_of_frames=4).startswith("frame #0: ")
    True
    """
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "backtrace_symbols"):
        return ""
    count = frames_to_skip + maximum_number_of_frames
    addresses = (ctypes.c_void_p * count)()
    found = library.backtrace(addresses, count)
    library.backtrace_symbols.restype = ctypes.POINTER(ctypes.c_char_p)
    names = library.backtrace_symbols(addresses, found)
    lines = [f"frame #{i - frames_to_skip}: {names[i].decode(errors='replace')}\n" for i in range(frames_to_skip, found)]
    library.free(names)
    return "".join(lines)
