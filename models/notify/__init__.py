"""Notify: how a notice travels, as pure judgement: which stages hold it, who is called next, what keeps it quiet."""
