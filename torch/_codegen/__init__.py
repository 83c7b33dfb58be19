"""From operator definitions to machine code: expressions, derivatives, loops, LLVM IR. Imports nothing of torch but _opdefs."""
