"""Effects: how much a defense moves a measure, with evidence that stays valid however often one looks."""
