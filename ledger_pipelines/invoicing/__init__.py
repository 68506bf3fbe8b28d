"""What documents and service periods of other systems mean for the months: pure, frames in and frames out.

A month's rows are the records of that month. A closed month keeps its rows, so what is learnt of its records
later (new, changed, or gone at the source) is kept in the first open month: it is *restated* there.
"""
