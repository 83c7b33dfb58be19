"""Recurrent networks of cuDNN: not used by this build."""
