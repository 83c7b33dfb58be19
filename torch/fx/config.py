"""Settings of torch.fx.

`disable_progress`: passes that search show no progress bar. `verbose_progress`: they say more.
`do_not_emit_stack_traces`: generated code has no comments about where nodes come from.
"""

disable_progress = True
verbose_progress = False
do_not_emit_stack_traces = False
