"""XNNPACK: not used by this build."""

enabled = False
