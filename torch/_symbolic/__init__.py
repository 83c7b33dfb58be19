"""Symbolic numbers: integers that are polynomials over sizes not known yet, with what is known of their ranges."""
